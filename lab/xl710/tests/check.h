/* SPDX-License-Identifier: GPL-2.0 */
/* What the tests of the model share: checks, and KTAP of what they find. */
#ifndef XL710_TESTS_CHECK_H
#define XL710_TESTS_CHECK_H

#include <stdio.h>

static int failed_checks;

#define CHECK(cond) do {							\
		if (!(cond)) {							\
			printf("# line %d: %s\n", __LINE__, #cond);		\
			failed_checks++;					\
		}								\
	} while (0)

#define CHECK_EQ(a, b) do {							\
		unsigned long long va = (a), vb = (b);				\
		if (va != vb) {							\
			printf("# line %d: %s is %llu (%#llx), not %llu (%#llx)\n",	\
			       __LINE__, #a, va, va, vb, vb);			\
			failed_checks++;					\
		}								\
	} while (0)

struct test {
	const char *name;
	void (*run)(void);
};

/* @before: what comes before each of them. How many have failed. */
static inline unsigned int run_tests(const struct test *test, unsigned int nr,
				     void (*before)(void))
{
	unsigned int i, failed = 0;

	printf("KTAP version 1\n1..%u\n", nr);
	for (i = 0; i < nr; i++) {
		before();
		failed_checks = 0;
		test[i].run();
		printf("%sok %u %s\n", failed_checks ? "not " : "", i + 1, test[i].name);
		failed += !!failed_checks;
		fflush(stdout);
	}
	return failed;
}

#endif
