/* Environment variables, read in one way. */
#ifndef CLF_CORE_ENVIRONMENT_H
#define CLF_CORE_ENVIRONMENT_H

#include <stddef.h>

/* The variable's value, or NULL if it is unset or empty. */
const char *clf_i_environment(const char *name);

/*
 * The index of the variable's value among `words` (exact match), `fallback` if it is unset, empty
 * or none of them; the latter is logged once per variable in group CLF_LOG_CHECK with the accepted
 * list.
 */
size_t clf_i_environment_choice(const char *name, const char *const *words, size_t num_words,
                                size_t fallback);

#endif
