/* JSON to indented text. Lists of plain values stay on one line; lists of objects get one each. */
#include "json_print.h"

#include <stdbool.h>
#include <string.h>

#include <jansson.h>

enum { STEP = 2, MOST_INDENT = 32 };

static bool is_plain(const json_t *value) {
    return !json_is_object(value) && !json_is_array(value);
}

static bool is_plain_list(const json_t *value) {
    size_t index = 0;
    json_t *item = NULL;
    json_array_foreach(value, index, item) {
        if (!is_plain(item)) {
            return false;
        }
    }
    return json_is_array(value);
}

/* Bytes are also given in binary units where that helps. */
static void print_integer(FILE *file, json_int_t value, const char *name) {
    static const char *const words[] = {"memory", "bytes", "allocation", "workspace"};
    fprintf(file, "%lld", (long long)value);
    for (size_t i = 0; name && value >= 1024 && i < sizeof words / sizeof words[0]; i++) {
        if (strstr(name, words[i])) {
            bool large = value >= 1048576;
            fprintf(file, " (%.4g %s)", (double)value / (large ? 1048576.0 : 1024.0),
                    large ? "MiB" : "KiB");
            break;
        }
    }
}

static void print_plain(FILE *file, const json_t *value, const char *name) {
    if (json_is_string(value)) {
        fputs(json_string_value(value), file);
    } else if (json_is_integer(value)) {
        print_integer(file, json_integer_value(value), name);
    } else if (json_is_real(value)) {
        fprintf(file, "%.6g", json_real_value(value));
    } else {
        fputs(json_is_true(value) ? "yes" : json_is_false(value) ? "no" : "none", file);
    }
}

static void print_list(FILE *file, const json_t *value) {
    size_t index = 0;
    json_t *item = NULL;
    json_array_foreach(value, index, item) {
        fputs(index ? ", " : "", file);
        print_plain(file, item, NULL);
    }
    if (index == 0) {
        fputs("none", file);
    }
}

/* "name value, name value": for objects in lists. */
static void print_inline(FILE *file, json_t *value) {
    const char *name = NULL;
    const char *separator = "";
    json_t *member = NULL;
    if (!json_is_object(value)) {
        print_list(file, value);
        return;
    }
    json_object_foreach(value, name, member) {
        if (json_is_null(member)) {
            continue;
        }
        fprintf(file, "%s%s ", separator, name);
        if (is_plain(member)) {
            print_plain(file, member, name);
        } else {
            fputc('[', file);
            print_inline(file, member);
            fputc(']', file);
        }
        separator = ", ";
    }
}

static void print_members(FILE *file, json_t *object, int indent);

static void print_value(FILE *file, json_t *value, const char *name, int indent) {
    size_t index = 0;
    json_t *item = NULL;
    if (is_plain(value)) {
        print_plain(file, value, name);
        fputc('\n', file);
    } else if (is_plain_list(value)) {
        print_list(file, value);
        fputc('\n', file);
    } else if (json_is_object(value)) {
        fputc('\n', file);
        print_members(file, value, indent + STEP);
    } else {
        fputc('\n', file);
        json_array_foreach(value, index, item) {
            fprintf(file, "%*s- ", indent + STEP, "");
            print_inline(file, item);
            fputc('\n', file);
        }
    }
}

static void print_members(FILE *file, json_t *object, int indent) {
    const char *name = NULL;
    json_t *value = NULL;
    if (indent > MOST_INDENT) {
        return;
    }
    json_object_foreach(object, name, value) {
        fprintf(file, "%*s%s: ", indent, "", name);
        print_value(file, value, name, indent);
    }
}

void print_description(FILE *file, const char *text, int indent) {
    json_t *root = json_loads(text, 0, NULL);
    if (json_is_object(root)) {
        print_members(file, root, indent);
    } else {
        fprintf(file, "%*s%s\n", indent, "", text);
    }
    json_decref(root);
}
