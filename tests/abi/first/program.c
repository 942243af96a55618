/* program MODEL_FOLDER: what a host of the first version does. It is compiled against the first header, whatever the
 * header says today, and has to run with every library that has the same DERUST_ABI. */
#include "derust.h"

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

static int32_t told = 0;

static int32_t progress(void *user_data, float done) {
    NEED(user_data == &told && done >= 0.0f && done <= 1.0f);
    told++;
    return 0;
}

static derust_image picture(void *data, int32_t format, uint32_t bytes) {
    derust_image image = DERUST_IMAGE_INIT;
    image.format = format;
    image.data = data;
    image.data_size = (uint64_t)WIDTH * HEIGHT * bytes;
    image.width = WIDTH;
    image.height = HEIGHT;
    image.row_stride = (int64_t)WIDTH * bytes;
    return image;
}

static void read_lists(derust_engine *engine) {
    derust_models *models = NULL;
    derust_devices *devices = NULL;
    derust_model model = DERUST_MODEL_INIT;
    derust_device device = DERUST_DEVICE_INIT;
    derust_runtime runtime = DERUST_RUNTIME_INIT;
    NEED(derust_engine_refresh(engine, &error) == DERUST_OK);
    NEED(derust_engine_models(engine, &models, &error) == DERUST_OK && derust_models_count(models) == 2);
    for (uint64_t i = 0; i < 2; i++) {
        NEED(derust_models_get(models, i, &model, &error) == DERUST_OK && model.serves == 1);
        NEED(strcmp(model.name, model.filter == DERUST_FILTER_DERUST ? "red-to-gray" : "red-is-rust") == 0);
        NEED(strcmp(model.device, "cpu") == 0 && strcmp(model.reason, "") == 0 && strlen(model.origin) > 0);
    }
    derust_models_free(models);
    NEED(derust_engine_devices(engine, &devices, &error) == DERUST_OK && derust_devices_count(devices) > 0);
    NEED(derust_devices_get(devices, 0, &device, &error) == DERUST_OK);
    NEED(device.device == DERUST_DEVICE_CPU && device.usable == 1 && device.in_use == 1 && strlen(device.name) > 0);
    derust_devices_free(devices);
    NEED(derust_engine_runtime(engine, &runtime, &error) == DERUST_OK && strstr(runtime.path, "onnxruntime") != NULL);
}

static void read_report(const derust_report *report, float threshold) {
    derust_summary summary = DERUST_SUMMARY_INIT;
    derust_region region = DERUST_REGION_INIT;
    const int32_t *points = NULL;
    uint64_t count = 0;
    NEED(derust_report_summary(report, &summary, &error) == DERUST_OK);
    NEED(summary.pixels == WIDTH * HEIGHT && summary.rust_pixels == 10 * 8 && summary.region_count == 1);
    NEED(summary.fraction > 0.066 && summary.fraction < 0.067 && summary.iso_4628_3 == 4 && summary.astm_d610 == 4);
    NEED(summary.threshold == threshold);
    NEED(derust_report_region(report, 0, &region, &error) == DERUST_OK);
    NEED(region.x == 4 && region.y == 5 && region.width == 10 && region.height == 8 && region.area == 80);
    NEED(region.mean_probability > 0.99f);
    NEED(derust_report_contour(report, 0, &points, &count, &error) == DERUST_OK);
    NEED(count == 2 * (10 + 8) - 4 && points[0] >= 4 && points[0] < 14 && points[1] >= 5 && points[1] < 13);
}

int main(int argc, char **argv) {
    static unsigned char data[WIDTH * HEIGHT * 3], mask_data[WIDTH * HEIGHT], result_data[WIDTH * HEIGHT * 3];
    const char *folder = argc > 1 ? argv[1] : "";
    derust_engine_options options = DERUST_ENGINE_OPTIONS_INIT;
    derust_segment_options segment = DERUST_SEGMENT_OPTIONS_INIT;
    derust_remove_options removal = DERUST_REMOVE_OPTIONS_INIT;
    derust_compose_options compose = DERUST_COMPOSE_OPTIONS_INIT;
    derust_engine *engine = NULL;
    derust_report *report = NULL;
    derust_analysis *analysis = NULL;
    derust_cancel *cancel = NULL;
    for (int y = 5; y < 13; y++) {
        for (int x = 4; x < 14; x++) {
            data[(y * WIDTH + x) * 3] = 255;
        }
    }
    derust_image image = picture(data, DERUST_FORMAT_RGB_U8, 3);
    const derust_image mask = picture(mask_data, DERUST_FORMAT_GRAY_U8, 1);
    const derust_image result = picture(result_data, DERUST_FORMAT_RGB_U8, 3);

    NEED(derust_abi_version() == DERUST_ABI && strlen(derust_version()) > 0);
    options.model_folders = &folder;
    options.model_folder_count = 1;
    options.only_these_folders = 1;
    options.watch_milliseconds = UINT32_MAX;
    options.device = DERUST_DEVICE_CPU;
    options.threads = 1;
    NEED(derust_engine_create(&options, &engine, &error) == DERUST_OK);
    read_lists(engine);

    NEED(derust_cancel_create(&cancel, &error) == DERUST_OK);
    segment.model = "red-is-rust";
    segment.scale = DERUST_SCALE_NATIVE;
    segment.threshold = 0.25f;
    segment.contours = 1;
    segment.progress = removal.progress = compose.progress = progress;
    segment.progress_user_data = removal.progress_user_data = compose.progress_user_data = &told;
    segment.cancel = removal.cancel = compose.cancel = cancel;
    NEED(derust_segment(engine, &image, &segment, &mask, NULL, &report, &error) == DERUST_OK && told > 0);
    NEED(mask_data[5 * WIDTH + 4] == 255 && mask_data[5 * WIDTH + 3] == 0 && mask_data[12 * WIDTH + 13] == 255);
    read_report(report, 0.25f);
    derust_report_free(report);

    removal.mask = &mask;
    removal.mask_mode = DERUST_MASK_LIMIT;
    removal.scale = DERUST_SCALE_NATIVE;
    told = 0;
    NEED(derust_remove(engine, &image, &removal, &result, &error) == DERUST_OK && told > 0);
    NEED(result_data[(8 * WIDTH + 8) * 3] < 60 && memcmp(result_data, data, 5 * WIDTH * 3) == 0);

    NEED(derust_analyse_segment(engine, &image, &segment, &analysis, &error) == DERUST_OK);
    compose.output = DERUST_OUTPUT_MASK;
    compose.threshold = 0.75f;
    memset(mask_data, 7, sizeof mask_data);
    NEED(derust_compose(analysis, &image, &compose, &mask, &error) == DERUST_OK);
    NEED(mask_data[5 * WIDTH + 4] == 255 && mask_data[0] == 0);
    NEED(derust_analysis_report(analysis, &image, &segment, &report, &error) == DERUST_OK);
    read_report(report, 0.25f);
    derust_report_free(report);
    derust_analysis_free(analysis);

    /* The numbers of failures are part of what lasts. */
    derust_cancel_request(cancel);
    NEED(derust_segment(engine, &image, &segment, NULL, NULL, NULL, NULL) == DERUST_ERROR_CANCELLED);
    image.row_stride = 1;
    NEED(derust_segment(engine, &image, NULL, NULL, NULL, NULL, &error) == DERUST_ERROR_IMAGE);
    NEED(derust_error_status(error) == DERUST_ERROR_IMAGE && strstr(derust_error_message(error), "image.row_stride is 1"));
    NEED(strcmp(derust_status_name(DERUST_ERROR_IMAGE), "DERUST_ERROR_IMAGE") == 0);
    derust_error_free(error);
    derust_cancel_free(cancel);
    derust_engine_free(engine);
    puts("as it should be");
    return 0;
}
