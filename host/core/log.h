/* The log's inner side: see clf_log_set_callback in the public header. */
#ifndef CLF_CORE_LOG_H
#define CLF_CORE_LOG_H

#include <stdbool.h>

#include <clformer/status.h>

/* Whether anybody listens to the group: callers skip building costly lines otherwise. */
bool clf_i_log_wanted(clf_log_group group);

void clf_i_log(clf_log_group group, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
