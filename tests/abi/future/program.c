/* program MODEL_FOLDER: a host of a later version, compiled against a header in which every struct has a field
 * `added` at its end, and run with today's library. */
#include <derust.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH 40
#define HEIGHT 30

static derust_error *error = NULL;

#define NEED(condition)                                                                                 \
    if (!(condition)) {                                                                                 \
        fprintf(stderr, "line %d: not so: %s; %s\n", __LINE__, #condition, derust_error_message(error)); \
        exit(1);                                                                                        \
    }

/* What is new may stay zero. What is set is refused, by name, and with what to do. */
#define WORKS_AND_IS_REFUSED(object, name, call)                                                   \
    object.added = 0;                                                                              \
    NEED(call == DERUST_OK);                                                                       \
    object.added = 1;                                                                              \
    NEED(call == DERUST_ERROR_ARGUMENT);                                                           \
    NEED(strstr(derust_error_message(error), name " comes from a newer version of derust: byte")); \
    NEED(strstr(derust_error_message(error), "leave what is new at zero or use a newer library")); \
    derust_error_free(error);                                                                      \
    error = NULL;                                                                                  \
    object.added = 0

/* An answer is filled as far as the library knows it; what is behind stays as it was. */
#define IS_LEFT_ALONE(object, call) \
    object.added = 12345;           \
    NEED(call == DERUST_OK);        \
    NEED(object.added == 12345 && object.struct_size == sizeof object)

static derust_engine *create(const derust_engine_options *options) {
    derust_engine *engine = NULL;
    NEED(derust_engine_create(options, &engine, &error) == DERUST_OK && engine != NULL);
    return engine;
}

int main(int argc, char **argv) {
    static unsigned char data[WIDTH * HEIGHT * 3], mask_data[WIDTH * HEIGHT];
    const char *folder = argc > 1 ? argv[1] : "";
    derust_engine_options options = DERUST_ENGINE_OPTIONS_INIT;
    derust_segment_options segment = DERUST_SEGMENT_OPTIONS_INIT;
    derust_remove_options removal = DERUST_REMOVE_OPTIONS_INIT;
    derust_compose_options compose = DERUST_COMPOSE_OPTIONS_INIT;
    derust_image image = DERUST_IMAGE_INIT, mask;
    derust_summary summary = DERUST_SUMMARY_INIT;
    derust_region region = DERUST_REGION_INIT;
    derust_model model = DERUST_MODEL_INIT;
    derust_device device = DERUST_DEVICE_INIT;
    derust_runtime runtime = DERUST_RUNTIME_INIT;
    derust_engine *engine = NULL;
    derust_analysis *analysis = NULL;
    derust_report *report = NULL;
    derust_models *models = NULL;
    derust_devices *devices = NULL;

    options.model_folders = &folder;
    options.model_folder_count = 1;
    options.only_these_folders = 1;
    options.watch_milliseconds = UINT32_MAX;
    options.threads = 1;
    WORKS_AND_IS_REFUSED(options, "options", (derust_engine_free(engine), derust_engine_create(&options, &engine, &error)));
    engine = create(&options);

    for (size_t i = 0; i < sizeof data; i += 3) {
        data[i] = 255;
    }
    image.format = DERUST_FORMAT_RGB_U8;
    image.data = data;
    image.data_size = sizeof data;
    image.width = WIDTH;
    image.height = HEIGHT;
    image.row_stride = WIDTH * 3;
    mask = image;
    mask.format = DERUST_FORMAT_GRAY_U8;
    mask.data = mask_data;
    mask.data_size = sizeof mask_data;
    mask.row_stride = WIDTH;
    WORKS_AND_IS_REFUSED(image, "image", derust_segment(engine, &image, NULL, NULL, NULL, NULL, &error));
    WORKS_AND_IS_REFUSED(mask, "mask", derust_segment(engine, &image, NULL, &mask, NULL, NULL, &error));
    NEED(mask_data[0] == 255);
    WORKS_AND_IS_REFUSED(segment, "options", derust_segment(engine, &image, &segment, NULL, NULL, NULL, &error));
    removal.mask = &mask;
    /* The picture is worked on in place, and black from the first time on. */
    removal.judge_anyway = 1;
    WORKS_AND_IS_REFUSED(removal, "options", derust_remove(engine, &image, &removal, &image, &error));
    WORKS_AND_IS_REFUSED(mask, "options.mask", derust_remove(engine, &image, &removal, &image, &error));
    NEED(derust_analyse_remove(engine, &image, &removal, &analysis, &error) == DERUST_OK);
    WORKS_AND_IS_REFUSED(compose, "options", derust_compose(analysis, &image, &compose, &image, &error));
    derust_analysis_free(analysis);

    for (size_t i = 0; i < sizeof data; i += 3) {
        data[i] = 255;
    }
    NEED(derust_segment(engine, &image, NULL, NULL, NULL, &report, &error) == DERUST_OK);
    IS_LEFT_ALONE(summary, derust_report_summary(report, &summary, &error));
    NEED(summary.pixels == WIDTH * HEIGHT && summary.region_count == 1);
    IS_LEFT_ALONE(region, derust_report_region(report, 0, &region, &error));
    NEED(region.area == WIDTH * HEIGHT);
    derust_report_free(report);
    NEED(derust_engine_models(engine, &models, &error) == DERUST_OK);
    IS_LEFT_ALONE(model, derust_models_get(models, 0, &model, &error));
    derust_models_free(models);
    NEED(derust_engine_devices(engine, &devices, &error) == DERUST_OK);
    IS_LEFT_ALONE(device, derust_devices_get(devices, 0, &device, &error));
    derust_devices_free(devices);
    IS_LEFT_ALONE(runtime, derust_engine_runtime(engine, &runtime, &error));
    derust_engine_free(engine);
    puts("as it should be");
    return 0;
}
