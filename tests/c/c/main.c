/* suite NAME... FOLDER: runs programs with the models of a folder, one after another. 0 if all is as it should be. */
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
    {"short-of-memory", short_of_memory},
    {"environment", environment},
    {"missing-runtime", missing_runtime},
    {"finding", finding},
    {"formats", formats},
    {"judging", judging},
    {"removing", removing},
    {"meanings", meanings},
    {"camera-frames", camera_frames},
    {"looks", looks},
    {"halves", halves},
    {"composing", composing},
    {"batches", batches},
    {"warming-up", warming_up},
    {"health", health},
    {"lists", lists},
    {"stopping", stopping},
    {"deadlines", deadlines},
    {"coming-back", coming_back},
    {"after-fork", after_fork},
    {"threads", threads},
    {"swapping", swapping},
    {"freeing", freeing},
};

static int run(const char *name) {
    for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++) {
        if (strcmp(programs[i].name, name) == 0) {
            programs[i].run();
            printf("%s: as it should be\n", name);
            return 0;
        }
    }
    fprintf(stderr, "there is no program %s\n", name);
    return 2;
}

/* Several in one process are worthwhile where a process is slow to start, as under valgrind. */
int main(int argc, char **argv) {
    int status = 0;
    if (argc < 3) {
        fprintf(stderr, "usage: %s NAME... FOLDER\n", argv[0]);
        return 2;
    }
    models = argv[argc - 1];
    for (int i = 1; i < argc - 1 && status == 0; i++) {
        status = run(argv[i]);
    }
    return status;
}
