/* Fuzz target: the value of a lease as setfattr(1) gives it, which is any bytes without a NUL behind them. */
#include <errno.h>

#include "lockfs/duration.h"
#include "tests/fuzz/fuzz.h"

#define UNTOUCHED INT64_C(-4711)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = text_of(data, size);
	char *bytes = size ? malloc(size) : NULL;
	int64_t lease = UNTOUCHED;
	int64_t same = UNTOUCHED;

	/* Memory of exactly the size, so that AddressSanitizer sees a read behind it. */
	require(bytes || !size, "there is memory");
	if (bytes)
		memcpy(bytes, data, size);
	if (lease_parse_bytes(bytes ? bytes : "", size, &lease) == 0)
		require(strlen(text) == size && lease_parse(text, &same) == 0 && same == lease,
			"it is the lease that the bytes are the text of");
	else
		require(lease == UNTOUCHED &&
				(strlen(text) != size || size >= DURATION_TEXT_MAX || lease_parse(text, &same) == -EINVAL),
			"what is refused is no lease");
	free(bytes);
	free(text);
	return 0;
}
