/* See test_rules.h. */
#include "test_rules.h"

#include <stdio.h>
#include <stdlib.h>

#include "cmocka_all.h"
#include "test_process.h"
#include "tune/tuning.h"

void test_rules_begin(char *folder, size_t capacity, const char *parameters) {
    test_rules_begin_for(folder, capacity, "clf_gemm", parameters);
}

void test_rules_begin_for(char *folder, size_t capacity, const char *kernel,
                          const char *parameters) {
    char path[640];
    test_folder_make(folder, capacity);
    snprintf(path, sizeof path, "%s/rules.json", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file,
            "{\"format\": \"clformer-tuning-1\", \"rules\": [{\"kernel\": \"%s\", "
            "\"parameters\": {%s}}]}\n",
            kernel, parameters);
    assert_int_equal(fclose(file), 0);
    setenv("CLFORMER_TUNE_PATH", path, 1);
    clf_i_tuning_forget();
}

void test_rules_end(const char *folder) {
    unsetenv("CLFORMER_TUNE_PATH");
    clf_i_tuning_forget();
    test_folder_remove(folder);
}
