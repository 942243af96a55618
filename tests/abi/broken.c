/* broken leak|read|nothing: a host with a fault, for tools that have to find it. */
#include <derust.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv) {
    derust_engine_options options = DERUST_ENGINE_OPTIONS_INIT;
    derust_engine *engine = NULL;
    int status;
    if (argc < 2) {
        return 2;
    }
    options.watch_milliseconds = UINT32_MAX;
    options.only_these_folders = 1;
    if (strcmp(argv[1], "read") == 0) {
        /* Shorter than it says. */
        void *small = malloc(options.struct_size / 2);
        memcpy(small, &options, options.struct_size / 2);
        status = derust_engine_create((const derust_engine_options *)small, &engine, NULL);
        free(small);
    } else {
        status = derust_engine_create(&options, &engine, NULL);
    }
    if (strcmp(argv[1], "leak") != 0) {
        derust_engine_free(engine);
    }
    engine = NULL;
    return status;
}
