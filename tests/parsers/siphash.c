/* SipHash gives the results of its authors' reference implementation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backend/util/siphash.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The key 00 01 … 0f of the reference's test vectors; the texts are 00 01 …, of each length. */
static const struct siphash_key key = { .low = UINT64_C(0x0706050403020100), .high = UINT64_C(0x0f0e0d0c0b0a0908) };

static const struct {
	size_t size;
	uint64_t hash;
	struct siphash_128 hash_128;
} vectors[] = {
	{ 0, UINT64_C(0x726fdb47dd0e0e31), { UINT64_C(0xe6a825ba047f81a3), UINT64_C(0x930255c71472f66d) } },
	{ 1, UINT64_C(0x74f839c593dc67fd), { UINT64_C(0x44af996bd8c187da), UINT64_C(0x45fc229b11597634) } },
	{ 7, UINT64_C(0xab0200f58b01d137), { UINT64_C(0x53c1dbd8beebf1a1), UINT64_C(0x3982f01fa64ab8c0) } },
	{ 8, UINT64_C(0x93f5f5799a932462), { UINT64_C(0x61f55862baa9623b), UINT64_C(0xb49714f364e2830f) } },
	{ 9, UINT64_C(0x9e0082df0ba9e4b0), { UINT64_C(0xabbad90a06994426), UINT64_C(0xed716dbb028b7fc4) } },
	{ 15, UINT64_C(0xa129ca6149be45e5), { UINT64_C(0x11a8b03399e99354), UINT64_C(0xd9c3cf970fec087e) } },
	{ 16, UINT64_C(0x3f2acc7f57c29bdb), { UINT64_C(0xbb54b067caa4e26e), UINT64_C(0x77052385bf1533fd) } },
	{ 31, UINT64_C(0x32d892fad841c342), { UINT64_C(0xfcfa233218b03929), UINT64_C(0x353dc4524fde2317) } },
	{ 63, UINT64_C(0x958a324ceb064572), { UINT64_C(0x4a83502f77d15051), UINT64_C(0x7cbd3f979a063e50) } },
};

static void gives_the_results_of_the_reference(void **state)
{
	unsigned char text[64];

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (unsigned char)i;
	for (size_t i = 0; i < COUNT(vectors); i++) {
		struct siphash_128 hash = siphash_128(key, text, vectors[i].size);

		assert_true(siphash_64(key, text, vectors[i].size) == vectors[i].hash);
		assert_true(hash.low == vectors[i].hash_128.low && hash.high == vectors[i].hash_128.high);
	}
}

static void differs_by_key(void **state)
{
	struct siphash_key other = { .low = key.low, .high = key.high + 1 };

	(void)state;
	assert_true(siphash_64(key, "text", 4) != siphash_64(other, "text", 4));
	assert_true(siphash_128(key, "text", 4).low != siphash_128(other, "text", 4).low);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_the_results_of_the_reference),
		cmocka_unit_test(differs_by_key),
	};

	return cmocka_run_group_tests_name("siphash", tests, NULL, NULL);
}
