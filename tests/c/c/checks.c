#include "checks.h"

derust_error *error = NULL;
const char *models = NULL;

void check(int holds, const char *what, const char *file, int line) {
    if (!holds) {
        fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
        exit(1);
    }
}

void check_ok(derust_status status, const char *call, const char *file, int line) {
    if (status != DERUST_OK || error != NULL) {
        fprintf(stderr, "%s:%d: %s\n  gave %s: %s\n", file, line, call, derust_status_name(status),
                derust_error_message(error));
        exit(1);
    }
}

void check_refused(derust_status status, derust_status expected, const char *text, const char *call, const char *file,
                   int line) {
    const char *message = derust_error_message(error);
    if (status != expected || derust_error_status(error) != expected || strstr(message, text) == NULL) {
        fprintf(stderr, "%s:%d: %s\n  gave      %s: %s\n  expected  %s: ...%s...\n", file, line, call,
                derust_status_name(status), message, derust_status_name(expected), text);
        exit(1);
    }
    derust_error_free(error);
    error = NULL;
}

derust_engine *make_engine(uint32_t sessions) {
    derust_engine_options options = DERUST_ENGINE_OPTIONS_INIT;
    derust_engine *engine = NULL;
    options.model_folders = &models;
    options.model_folder_count = 1;
    options.only_these_folders = 1;
    options.watch_milliseconds = UINT32_MAX;
    options.threads = 1;
    options.sessions = sessions;
    OK(derust_engine_create(&options, &engine, &error));
    CHECK(engine != NULL);
    return engine;
}

derust_image picture(void *data, uint32_t width, uint32_t height, int32_t format, uint32_t bytes_per_pixel) {
    derust_image image = DERUST_IMAGE_INIT;
    image.format = format;
    image.data = data;
    image.data_size = (uint64_t)width * height * bytes_per_pixel;
    image.width = width;
    image.height = height;
    image.row_stride = (int64_t)width * bytes_per_pixel;
    return image;
}

unsigned char *rusty(uint32_t width, uint32_t height, uint32_t red_until) {
    unsigned char *data = zeros((size_t)width * height * 3);
    uint32_t state = 12345;
    for (uint32_t y = 0; y < height; y++) {
        for (uint32_t x = 0; x < width; x++) {
            unsigned char *pixel = data + ((size_t)y * width + x) * 3;
            state = state * 1664525u + 1013904223u;
            pixel[0] = pixel[1] = pixel[2] = (unsigned char)(60 + (state >> 26));
            if (x < red_until) {
                pixel[0] = 230;
                pixel[1] = (unsigned char)(10 + (state >> 28));
                pixel[2] = 20;
            }
        }
    }
    return data;
}

unsigned char *zeros(size_t bytes) {
    unsigned char *data = (unsigned char *)calloc(bytes, 1);
    CHECK(data != NULL);
    return data;
}
