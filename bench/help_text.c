/* Help: a screen for everyday use, and everything, generated from the tables. */
#include "help_text.h"

#include <string.h>

#include "options.h"

void print_help(FILE *stream) {
    fputs("clformer-bench: check and time fused transformer operators on an OpenCL device\n"
          "\n"
          "  clformer-bench info                  devices, what they can do, measured peaks\n"
          "  clformer-bench list                  operators, cases and peers\n"
          "  clformer-bench run OPERATOR          time and check the operator's cases\n"
          "  clformer-bench explain OPERATOR      how cases would run, and why so\n"
          "  clformer-bench compare OLD NEW       find regressions between two JSON files\n"
          "  clformer-bench demo                  every operator on real and document cases\n"
          "  clformer-bench tune gemm             search CLBlast's parameters, write rules\n"
          "\n"
          "  -d, --device D       gpu, cpu, 0:1 or part of a name ($CLFORMER_DEVICE)\n"
          "  -s, --suite SUITE    seed (operator document's cases), quick, extra, real\n"
          "  -c, --case NAMES     only these cases of the suite, e.g. 1,6\n"
          "  -t, --dtype TYPES    list of fp32, fp16, bf16\n"
          "      --shape SIZES    a case of your own, as 8,16,512,512; with --mask, --scale\n"
          "      --verify MODE    full, sample or off\n"
          "  -p, --peers NAMES    also time others, as in list, e.g. torch, or all\n"
          "  -f, --format FORMAT  console, json or csv; -o FILE for a file\n"
          "\n"
          "Example: clformer-bench run softmax --case 6 --dtype fp16 --peers all\n"
          "All options: --help-all. Version: --version.\n"
          "Exit: 0 ok, 1 a case failed, 2 bad usage, 3 regression.\n",
          stream);
}

/* Prints "name  help", with the help's further lines indented. */
static void print_entry(FILE *stream, const char *name, const char *help) {
    fprintf(stream, "  %-24s ", name);
    for (; *help; help++) {
        fputc(*help, stream);
        if (*help == '\n') {
            fprintf(stream, "%27s", "");
        }
    }
    fputc('\n', stream);
}

static void print_option(FILE *stream, const option_entry *option) {
    char name[64];
    char letter[8] = "    ";
    if (option->letter) {
        snprintf(letter, sizeof letter, "-%c, ", option->letter);
    }
    snprintf(name, sizeof name, "%s--%s %s", letter, option->name,
             option->argument ? option->argument : "");
    print_entry(stream, name, option->help);
}

static void print_attributes(FILE *stream) {
    for (size_t i = 0; operator_registry[i]; i++) {
        fprintf(stream, "\nAttributes of %s (run, explain); replace the case's:\n",
                operator_registry[i]->name);
        const attribute_entry *attributes = operator_registry[i]->attributes;
        for (size_t j = 0; attributes[j].name; j++) {
            char name[64];
            snprintf(name, sizeof name, "    --%s %s", attributes[j].name, attributes[j].argument);
            print_entry(stream, name, attributes[j].help);
        }
    }
}

void print_help_all(FILE *stream) {
    fputs("clformer-bench: check and time fused transformer operators on an OpenCL device\n",
          stream);
    for (size_t i = 0; command_table[i].name; i++) {
        const command_entry *command = &command_table[i];
        fprintf(stream, "\nclformer-bench %s\n    %s\n", command->usage, command->help);
        for (size_t j = 0; option_table[j].name; j++) {
            bool own = (option_table[j].commands & command->mask) != 0;
            if (own && option_table[j].commands != FOR_ALL) {
                print_option(stream, &option_table[j]);
            }
        }
    }
    fputs("\nAll commands:\n", stream);
    for (size_t j = 0; option_table[j].name; j++) {
        if (option_table[j].commands == FOR_ALL) {
            print_option(stream, &option_table[j]);
        }
    }
    print_attributes(stream);
    fputs("\nExit codes:\n"
          "  0  ok\n"
          "  1  a case gave a wrong result or could not be run\n"
          "  2  bad usage\n"
          "  3  compare found a regression\n"
          "\nEnvironment:\n"
          "  CLFORMER_DEVICE, CLFORMER_VARIANT, CLFORMER_CACHE...: as in the library\n"
          "  CLFORMER_PYTHON  the Python that has PyTorch, for the peer torch (python3)\n"
          "  POCL_AFFINITY    set to 1 unless you set it: PoCL's threads are pinned\n"
          "  NO_COLOR         no colours\n",
          stream);
}

void print_version(FILE *stream) {
    fprintf(stream, "clformer-bench %s (%s)\n", clf_version(), clf_build_info());
}
