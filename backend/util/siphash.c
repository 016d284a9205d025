/*
 * SipHash-2-4 as its authors' reference implementation computes it (github.com/veorq/SipHash, public domain by CC0).
 * tests/parsers/siphash.c compares it with their test vectors.
 */
#include "backend/util/siphash.h"

#include <endian.h>
#include <string.h>

enum { ROUNDS_PER_WORD = 2, FINAL_ROUNDS = 4 };

struct state {
	uint64_t v0, v1, v2, v3;
};

static uint64_t rotate(uint64_t word, int bits)
{
	return word << bits | word >> (64 - bits);
}

static void run_rounds(struct state *state, int rounds)
{
	for (int i = 0; i < rounds; i++) {
		state->v0 += state->v1;
		state->v1 = rotate(state->v1, 13) ^ state->v0;
		state->v0 = rotate(state->v0, 32);
		state->v2 += state->v3;
		state->v3 = rotate(state->v3, 16) ^ state->v2;
		state->v0 += state->v3;
		state->v3 = rotate(state->v3, 21) ^ state->v0;
		state->v2 += state->v1;
		state->v1 = rotate(state->v1, 17) ^ state->v2;
		state->v2 = rotate(state->v2, 32);
	}
}

static void add_word(struct state *state, uint64_t word)
{
	state->v3 ^= word;
	run_rounds(state, ROUNDS_PER_WORD);
	state->v0 ^= word;
}

static void begin(struct state *state, struct siphash_key key)
{
	*state = (struct state){
		.v0 = UINT64_C(0x736f6d6570736575) ^ key.low,
		.v1 = UINT64_C(0x646f72616e646f6d) ^ key.high,
		.v2 = UINT64_C(0x6c7967656e657261) ^ key.low,
		.v3 = UINT64_C(0x7465646279746573) ^ key.high,
	};
}

/* Adds all bytes; the last word is filled up with zeros and ends with the size. */
static void add_bytes(struct state *state, const void *bytes, size_t size)
{
	const unsigned char *at = bytes;
	uint64_t word;

	for (size_t left = size; left >= sizeof(word); left -= sizeof(word), at += sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		add_word(state, le64toh(word));
	}
	word = 0;
	memcpy(&word, at, size % sizeof(word));
	add_word(state, le64toh(word) | (uint64_t)size << 56);
}

/* Makes a word of the result. `mark` differs for each kind of result and word. */
static uint64_t finish(struct state *state, uint64_t *word, uint64_t mark)
{
	*word ^= mark;
	run_rounds(state, FINAL_ROUNDS);
	return state->v0 ^ state->v1 ^ state->v2 ^ state->v3;
}

uint64_t siphash_64(struct siphash_key key, const void *bytes, size_t size)
{
	struct state state;

	begin(&state, key);
	add_bytes(&state, bytes, size);
	return finish(&state, &state.v2, 0xff);
}

struct siphash_128 siphash_128(struct siphash_key key, const void *bytes, size_t size)
{
	struct siphash_128 hash;
	struct state state;

	begin(&state, key);
	state.v1 ^= 0xee;
	add_bytes(&state, bytes, size);
	hash.low = finish(&state, &state.v2, 0xee);
	hash.high = finish(&state, &state.v1, 0xdd);
	return hash;
}
