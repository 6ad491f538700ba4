/* Where tuning rules come from: the files inside the library, and the user's own. */
#ifndef CLF_TUNE_TUNING_FILES_H
#define CLF_TUNE_TUNING_FILES_H

#include <stdbool.h>

#include "tune/tuning_rules.h"

/* Every embedded tuned/<name>.json. False if memory is out. */
bool clf_i_tuning_read_embedded(clf_i_tuning_rules *rules);

/* The file `path`, or every *.json of the folder `path` in alphabetical order. What cannot be read
 * is logged in group CLF_LOG_CHECK. False if memory is out. */
bool clf_i_tuning_read_path(clf_i_tuning_rules *rules, const char *path);

#endif
