/*
 * The contract of include/lockfs/backend.h, as tests that run unchanged
 * against every backend:
 *
 *   contract [SOURCE [traced]]
 *
 * Four tables, each of whose cells is a test, come first: who holds a lock
 * and what is asked of it, what stands at a path and what is asked of it, who
 * shares a lock or waits for it and what is asked of it, and which claim proves
 * which holding. Then, by theme, what does not fit in a table. The tests stand in tests/contract/; contract.h and the headers that it includes
 * are what they are written with.
 */
#include "tests/contract/contract.h"
#include "tests/contract/binding.h"
#include "tests/contract/cancelling.h"
#include "tests/contract/claims.h"
#include "tests/contract/content.h"
#include "tests/contract/detailed_listings.h"
#include "tests/contract/directories.h"
#include "tests/contract/forms.h"
#include "tests/contract/giving_back.h"
#include "tests/contract/leases.h"
#include "tests/contract/mounts.h"
#include "tests/contract/naming.h"
#include "tests/contract/permissions.h"
#include "tests/contract/places.h"
#include "tests/contract/readers.h"
#include "tests/contract/room.h"
#include "tests/contract/shared.h"
#include "tests/contract/shared_states.h"
#include "tests/contract/sharing.h"
#include "tests/contract/states.h"
#include "tests/contract/status.h"
#include "tests/contract/texts.h"
#include "tests/contract/waiting.h"

/* Says once, not in every test, that nothing can be reached. */
static int try_source(void **state)
{
	void *mount = NULL;

	(void)state;
	return set_up(&mount) || tear_down(&mount);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		contract_source = argv[1];
	contract_traces = argc > 2 && strcmp(argv[2], "traced") == 0;
	add_cells();
	add_place_cells();
	add_sharing_cells();
	add_claims();
	add_content();
	add_all(lease_tests, COUNT(lease_tests));
	add_all(directory_tests, COUNT(directory_tests));
	add_all(detailed_listing_tests, COUNT(detailed_listing_tests));
	add_all(text_tests, COUNT(text_tests));
	add_all(mount_tests, COUNT(mount_tests));
	add_all(status_tests, COUNT(status_tests));
	add_waiting();
	add_cancelling();
	add_all(binding_tests, COUNT(binding_tests));
	add_all(shared_tests, COUNT(shared_tests));
	add_all(form_tests, COUNT(form_tests));
	add_all(permission_tests, COUNT(permission_tests));
	add_naming();
	add_sharing();
	add_readers();
	add_room();
	add_giving_back();
	/* The macro of this name wants to know the size of an array. */
	return _cmocka_run_group_tests("contract", tests, test_count, try_source, NULL);
}
