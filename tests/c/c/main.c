/* suite NAME FOLDER: runs one of the programs with the models of a folder. 0 if all is as it should be. */
#include "checks.h"

struct program {
    const char *name;
    void (*run)(void);
};

static const struct program programs[] = {
    {"wrong-engines", wrong_engines},
    {"wrong-images", wrong_images},
    {"wrong-options", wrong_options},
    {"wrong-handles", wrong_handles},
    {"wrong-batches", wrong_batches},
    {"structs-of-other-ages", structs_of_other_ages},
    {"small-memory", small_memory},
    {"missing-runtime", missing_runtime},
    {"finding", finding},
    {"removing", removing},
    {"composing", composing},
    {"batches", batches},
    {"lists", lists},
    {"stopping", stopping},
    {"coming-back", coming_back},
    {"after-fork", after_fork},
    {"threads", threads},
    {"swapping", swapping},
};

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: %s NAME FOLDER\n", argv[0]);
        return 2;
    }
    models = argv[2];
    for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++) {
        if (strcmp(programs[i].name, argv[1]) == 0) {
            programs[i].run();
            printf("%s: as it should be\n", argv[1]);
            return 0;
        }
    }
    fprintf(stderr, "there is no program %s\n", argv[1]);
    return 2;
}
