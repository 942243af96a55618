/* Wrong calls: each has its status and a text that names what came and what was expected; none does harm. */
#include "checks.h"

#include <math.h>

static derust_engine *engine;
static unsigned char *data;
static derust_image image;

/* The pixels of a 64 x 48 BGR picture that can be judged and has no rust: it is blue. */
static unsigned char *blue(void) {
    unsigned char *pixels = zeros(64 * 48 * 3);
    for (int i = 0; i < 64 * 48; i++) {
        pixels[3 * i] = 200;
    }
    return pixels;
}

/* A picture for calls with one thing wrong. */
static void begin(void) {
    engine = make_engine(1);
    data = blue();
    image = picture(data, 64, 48, DERUST_FORMAT_BGR_U8, 3);
}

static void end(void) {
    /* After all that the engine works. */
    OK(derust_segment(engine, &image, NULL, NULL, NULL, NULL, &error));
    derust_engine_free(engine);
    free(data);
}

static void refuse_engine(const derust_engine_options *options, derust_status status, const char *text) {
    derust_engine *made = (derust_engine *)&made;
    REFUSED(derust_engine_create(options, &made, &error), status, text);
    CHECK(made == NULL);
    /* An error object is not needed. */
    CHECK(derust_engine_create(options, &made, NULL) == status);
}

void wrong_engines(void) {
    const char *folders[2] = {"/nowhere", NULL};
    derust_engine_options good = DERUST_ENGINE_OPTIONS_INIT, options;
    REFUSED(derust_engine_create(NULL, NULL, &error), DERUST_ERROR_ARGUMENT, "engine is NULL");
#define WRONG(field, value, status, text) \
    options = good;                       \
    options.field = value;                \
    refuse_engine(&options, status, text)
    WRONG(struct_size, 0, DERUST_ERROR_ARGUMENT, "options.struct_size is 0; set it to sizeof(derust_engine_options)");
    WRONG(struct_size, 71, DERUST_ERROR_ARGUMENT, "options.struct_size is 71");
    WRONG(struct_size, UINT32_MAX, DERUST_ERROR_ARGUMENT, "options.struct_size is 4294967295");
    WRONG(device, 9, DERUST_ERROR_ARGUMENT, "options.device is 9, which is no DERUST_DEVICE_ constant");
    WRONG(device, -1, DERUST_ERROR_ARGUMENT, "options.device is -1");
    WRONG(device, DERUST_DEVICE_CUDA, DERUST_ERROR_DEVICE, "the device cuda cannot be used: ");
    good.device_id = 7;
    WRONG(device, DERUST_DEVICE_TENSORRT, DERUST_ERROR_DEVICE, "the device tensorrt:7 cannot be used: ");
    good.device_id = 0;
    good.device = DERUST_DEVICE_CPU;
    WRONG(device_id, 3, DERUST_ERROR_DEVICE, "options.device_id is 3");
    WRONG(threads, 1025, DERUST_ERROR_ARGUMENT, "options.threads is 1025; at most 1024");
    WRONG(sessions, UINT32_MAX, DERUST_ERROR_ARGUMENT, "options.sessions is 4294967295");
    WRONG(model_folder_count, 1, DERUST_ERROR_ARGUMENT, "options.model_folders is NULL, but");
    WRONG(model_folder_count, UINT32_MAX, DERUST_ERROR_ARGUMENT, "options.model_folder_count is 4294967295");
    WRONG(only_these_folders, 2, DERUST_ERROR_ARGUMENT, "options.only_these_folders is 2; it is 0 or 1");
    WRONG(half_precision, 2, DERUST_ERROR_ARGUMENT, "options.half_precision is 2; it is 0 or 1");
    WRONG(reserved, 1, DERUST_ERROR_ARGUMENT, "options.reserved is 1; it has to be 0");
    WRONG(runtime_library, "", DERUST_ERROR_ARGUMENT, "options.runtime_library is empty");
    WRONG(runtime_library, "/\xff", DERUST_ERROR_ARGUMENT, "options.runtime_library is not UTF-8");
    good.model_folders = folders;
    WRONG(model_folder_count, 2, DERUST_ERROR_ARGUMENT, "options.model_folders[1] is NULL");
    folders[1] = "\xc3\x28";
    WRONG(model_folder_count, 2, DERUST_ERROR_ARGUMENT, "options.model_folders[1] is not UTF-8");
#undef WRONG
}

void wrong_images(void) {
    begin();
    derust_image bad;
    unsigned char *mask_data = zeros(64 * 48 * 3);
    derust_image mask = picture(mask_data, 64, 48, DERUST_FORMAT_GRAY_U8, 1);
    REFUSED(derust_segment(engine, NULL, NULL, NULL, NULL, NULL, &error), DERUST_ERROR_ARGUMENT, "image is NULL");
#define WRONG_MASK(status, text)                                                        \
    image.region_mask = &bad;                                                           \
    REFUSED(derust_segment(engine, &image, NULL, NULL, NULL, NULL, &error), status, text); \
    image.region_mask = NULL
#define WRONG(field, value, status, text)                                                                 \
    bad = image;                                                                                          \
    bad.field = value;                                                                                    \
    REFUSED(derust_segment(engine, &bad, NULL, NULL, NULL, NULL, &error), status, text);                  \
    CHECK(derust_segment(engine, &bad, NULL, NULL, NULL, NULL, NULL) == status)
    WRONG(struct_size, 0, DERUST_ERROR_ARGUMENT, "image.struct_size is 0; set it to sizeof(derust_image), which is 136");
    WRONG(struct_size, 79, DERUST_ERROR_ARGUMENT, "image.struct_size is 79");
    WRONG(struct_size, 4097, DERUST_ERROR_ARGUMENT, "image.struct_size is 4097");
    WRONG(format, 0, DERUST_ERROR_ARGUMENT, "image.format is 0, which is no DERUST_FORMAT_ constant");
    WRONG(format, 29, DERUST_ERROR_ARGUMENT, "image.format is 29");
    WRONG(format, INT32_MIN, DERUST_ERROR_ARGUMENT, "image.format is -2147483648");
    WRONG(transfer, 7, DERUST_ERROR_ARGUMENT, "image.transfer is 7");
    WRONG(transfer, -1, DERUST_ERROR_ARGUMENT, "image.transfer is -1");
    WRONG(primaries, 3, DERUST_ERROR_ARGUMENT, "image.primaries is 3, which is no DERUST_PRIMARIES_ constant");
    WRONG(white_level, -1.0f, DERUST_ERROR_ARGUMENT, "image.white_level is -1; it is above 0, or 0 for");
    WRONG(white_level, NAN, DERUST_ERROR_ARGUMENT, "image.white_level is NaN");
    WRONG(icc_profile_size, 9, DERUST_ERROR_ARGUMENT, "image.icc_profile is NULL, but icc_profile_size is 9");
    WRONG(icc_profile, "", DERUST_ERROR_ARGUMENT, "image.icc_profile_size is 0; 1 to 67108864 bytes");
    image.icc_profile_size = 9;
    WRONG(icc_profile, "no profile", DERUST_ERROR_IMAGE, "image.icc_profile: the colour profile is broken");
    image.transfer = DERUST_TRANSFER_LINEAR;
    WRONG(icc_profile, "no profile", DERUST_ERROR_ARGUMENT, "leave them at 0, the profile says both");
    image.transfer = image.icc_profile_size = 0;
    bad = mask;
    bad.height = 47;
    WRONG_MASK(DERUST_ERROR_FORMAT, "image.region_mask has 64 x 47 pixels; image has 64 x 48");
    bad = image;
    WRONG_MASK(DERUST_ERROR_FORMAT, "image.region_mask.format is BGR8");
    bad = mask;
    bad.data = NULL;
    WRONG_MASK(DERUST_ERROR_ARGUMENT, "image.region_mask.data is NULL");
    bad = mask;
    bad.region_mask = &mask;
    WRONG_MASK(DERUST_ERROR_ARGUMENT, "image.region_mask has a region_mask");
    bad = mask;
    image.region_mask = &mask;
    REFUSED(derust_segment(engine, &image, NULL, &bad, NULL, NULL, &error), DERUST_ERROR_OVERLAP,
            "mask shares 3072 bytes with image.region_mask");
    image.region_mask = NULL;
    bad.white_level = 3;
    REFUSED(derust_segment(engine, &image, NULL, &bad, NULL, NULL, &error), DERUST_ERROR_FORMAT,
            "mask.white_level is set; masks and probabilities have none");
    bad = image;
    bad.white_level = 3;
    REFUSED(derust_remove(engine, &image, NULL, &bad, &error), DERUST_ERROR_FORMAT,
            "output.white_level is 3; that of image is 0");
    /* A camera's frame: 64 x 48 of Y and 64 x 24 of Cb and Cr, in as many bytes. */
    {
        const derust_image colours = image;
        image = picture(data, 64, 48, DERUST_FORMAT_NV12, 1);
        image.data_size = 64 * 72;
        OK(derust_segment(engine, &image, NULL, NULL, NULL, NULL, &error));
        WRONG(data_size, 64 * 72 - 1, DERUST_ERROR_IMAGE,
              "image.data_size is 4607 bytes; 64 x 48 px of NV12 with these offsets and strides reach from byte 0 to byte 4608");
        WRONG(matrix, 3, DERUST_ERROR_ARGUMENT, "image.matrix is 3, which is no DERUST_MATRIX_ constant");
        WRONG(range, -1, DERUST_ERROR_ARGUMENT, "image.range is -1, which is no DERUST_RANGE_ constant");
        WRONG(row_stride, -64, DERUST_ERROR_IMAGE, "image.row_stride is -64 bytes; 64 px of NV12 need at least 64, downwards");
        WRONG(row_stride, INT64_MAX, DERUST_ERROR_IMAGE, "px of NV12 with these offsets and strides reach from");
        WRONG(pixel_stride, 3, DERUST_ERROR_IMAGE, "image.pixel_stride is 3 bytes; that of NV12 is 1, or 0");
        WRONG(chroma_offset, 64 * 48 - 1, DERUST_ERROR_IMAGE, "image.chroma_offset is 3071; the plane of Y ends at byte 3072");
        WRONG(chroma_offset, UINT64_MAX, DERUST_ERROR_IMAGE, "image.data_size is 4608 bytes");
        WRONG(chroma_stride, 63, DERUST_ERROR_IMAGE, "image.chroma_stride is 63 bytes; 64 px of NV12 need at least 64");
        WRONG(chroma_stride, UINT64_MAX, DERUST_ERROR_IMAGE, "image.data_size is 4608 bytes");
        REFUSED(derust_segment(engine, &image, NULL, &image, NULL, NULL, &error), DERUST_ERROR_FORMAT,
                "mask.format is NV12; GRAY8, GRAY16 or GRAY32F is needed");
        REFUSED(derust_remove(engine, &image, NULL, &image, &error), DERUST_ERROR_FORMAT,
                "output.format is NV12, which is only read; results are in colours, such as BGR8");
        bad = picture(mask_data, 64, 48, DERUST_FORMAT_GRAY_U8, 1);
        REFUSED(derust_remove(engine, &image, NULL, &bad, &error), DERUST_ERROR_FORMAT,
                "output.format is GRAY8; for image, which is NV12, it has to be colours of 8 bits");
        image = picture(data, 64, 1, DERUST_FORMAT_BAYER_GRBG_U8, 1);
        REFUSED(derust_segment(engine, &image, NULL, NULL, NULL, NULL, &error), DERUST_ERROR_IMAGE,
                "image is 64 x 1 pixels; GRBG8 needs at least 2 x 2");
        image = colours;
    }
    WRONG(alpha, -1, DERUST_ERROR_ARGUMENT, "image.alpha is -1");
    WRONG(reserved, 1, DERUST_ERROR_ARGUMENT, "image.reserved is 1; it has to be 0");
    WRONG(data, NULL, DERUST_ERROR_ARGUMENT, "image.data is NULL");
    WRONG(width, 0, DERUST_ERROR_IMAGE, "image is 0 x 48 pixels");
    WRONG(height, 0, DERUST_ERROR_IMAGE, "image is 64 x 0 pixels");
    WRONG(width, UINT32_MAX, DERUST_ERROR_IMAGE, "4294967295 px of BGR8 need at least 12884901885");
    WRONG(height, UINT32_MAX, DERUST_ERROR_IMAGE, "image.data_size is 9216 bytes; 64 x 4294967295 px of BGR8");
    WRONG(pixel_stride, 2, DERUST_ERROR_IMAGE, "image.pixel_stride is 2 bytes; a pixel of BGR8 needs at least 3");
    WRONG(pixel_stride, UINT32_MAX, DERUST_ERROR_IMAGE, "image.row_stride is 192 bytes");
    WRONG(row_stride, 191, DERUST_ERROR_IMAGE, "image.row_stride is 191 bytes; 64 px of BGR8 need at least 192");
    WRONG(row_stride, 0, DERUST_ERROR_IMAGE, "image.row_stride is 0 bytes");
    WRONG(row_stride, -100, DERUST_ERROR_IMAGE, "image.row_stride is -100 bytes");
    WRONG(row_stride, -192, DERUST_ERROR_IMAGE, "reach from byte -9024 to byte 192");
    WRONG(row_stride, INT64_MIN, DERUST_ERROR_IMAGE, "image.data_size is 9216 bytes");
    WRONG(row_stride, INT64_MAX, DERUST_ERROR_IMAGE, "image.data_size is 9216 bytes");
    WRONG(data_size, 0, DERUST_ERROR_IMAGE, "image.data_size is 0 bytes");
    WRONG(data_size, 9215, DERUST_ERROR_IMAGE, "reach from byte 0 to byte 9216");
    WRONG(data_size, UINT64_MAX, DERUST_ERROR_IMAGE, "no buffer is that large");
    WRONG(offset, 1, DERUST_ERROR_IMAGE, "reach from byte 1 to byte 9217");
    WRONG(offset, UINT64_MAX, DERUST_ERROR_IMAGE, "image.data_size is 9216 bytes");
    WRONG(region_x, 5, DERUST_ERROR_IMAGE, "the region has no size");
    WRONG(region_width, 5, DERUST_ERROR_IMAGE, "image.region is 5 x 0 pixels");
    image.region_width = image.region_height = 10;
    WRONG(region_x, 55, DERUST_ERROR_IMAGE, "image.region is 10 x 10 pixels at 55, 0; it has to lie in the image's 64 x 48");
    WRONG(region_y, UINT32_MAX, DERUST_ERROR_IMAGE, "image.region is 10 x 10 pixels at 0, 4294967295");
    image.region_width = image.region_height = 0;
#undef WRONG
#undef WRONG_MASK
    /* Everything at its largest. */
    memset(&bad, 0xff, sizeof bad);
    bad.struct_size = sizeof bad;
    CHECK(derust_segment(engine, &bad, NULL, NULL, NULL, NULL, NULL) == DERUST_ERROR_ARGUMENT);
    /* Other images of the call are checked like the first. */
    bad = mask;
    bad.row_stride = 63;
    REFUSED(derust_segment(engine, &image, NULL, &bad, NULL, NULL, &error), DERUST_ERROR_IMAGE,
            "mask.row_stride is 63 bytes; 64 px of GRAY8 need at least 64");
    REFUSED(derust_segment(engine, &image, NULL, NULL, &bad, NULL, &error), DERUST_ERROR_IMAGE, "probability.row_stride");
    REFUSED(derust_remove(engine, &image, NULL, &bad, &error), DERUST_ERROR_IMAGE, "output.row_stride");
    REFUSED(derust_remove(engine, &image, NULL, NULL, &error), DERUST_ERROR_ARGUMENT, "output is NULL");
    /* Outputs that do not fit. */
    bad = picture(mask_data, 64, 48, DERUST_FORMAT_BGR_U8, 3);
    REFUSED(derust_segment(engine, &image, NULL, &bad, NULL, NULL, &error), DERUST_ERROR_FORMAT,
            "mask.format is BGR8; GRAY8, GRAY16 or GRAY32F is needed");
    bad = picture(mask_data, 64, 47, DERUST_FORMAT_GRAY_U8, 1);
    REFUSED(derust_segment(engine, &image, NULL, NULL, &bad, NULL, &error), DERUST_ERROR_FORMAT,
            "probability has 64 x 47 pixels; image has 64 x 48");
    bad = picture(mask_data, 64, 48, DERUST_FORMAT_RGB_U8, 3);
    REFUSED(derust_remove(engine, &image, NULL, &bad, &error), DERUST_ERROR_FORMAT,
            "output.format is RGB8; that of image is BGR8");
    bad = picture(mask_data, 64, 48, DERUST_FORMAT_BGR_U8, 3);
    bad.transfer = DERUST_TRANSFER_LINEAR;
    REFUSED(derust_remove(engine, &image, NULL, &bad, &error), DERUST_ERROR_FORMAT, "output.transfer is Linear");
    bad = picture(mask_data, 32, 48, DERUST_FORMAT_BGR_U8, 3);
    REFUSED(derust_remove(engine, &image, NULL, &bad, &error), DERUST_ERROR_FORMAT, "output has 32 x 48 pixels");
    /* Outputs that share memory. */
    bad = picture(data + 100, 64, 48, DERUST_FORMAT_GRAY_U8, 1);
    REFUSED(derust_segment(engine, &image, NULL, &bad, NULL, NULL, &error), DERUST_ERROR_OVERLAP,
            "mask shares 3072 bytes with image; give it a buffer of its own");
    REFUSED(derust_segment(engine, &image, NULL, &mask, &mask, NULL, &error), DERUST_ERROR_OVERLAP,
            "probability shares 3072 bytes with mask");
    derust_image upper = image, lower = image;
    upper.height = lower.height = 47;
    lower.offset = 192;
    REFUSED(derust_remove(engine, &upper, NULL, &lower, &error), DERUST_ERROR_OVERLAP,
            "output shares 8832 bytes with image; give it a buffer of its own, or other rows and columns of one, or describe it exactly as image");
    upper.height = lower.height = 24;
    lower.offset = 24 * 192;
    OK(derust_remove(engine, &upper, NULL, &lower, &error));
    lower = image;
    lower.row_stride = -192;
    lower.offset = 47 * 192;
    REFUSED(derust_remove(engine, &image, NULL, &lower, &error), DERUST_ERROR_OVERLAP, "describe it exactly as image");
    free(mask_data);
    end();
}

void wrong_options(void) {
    begin();
    derust_segment_options segment_good = DERUST_SEGMENT_OPTIONS_INIT, segment;
    derust_remove_options remove_good = DERUST_REMOVE_OPTIONS_INIT, removal;
    derust_analysis *analysis = NULL;
    unsigned char *mask_data = zeros(64 * 48 * 3);
    derust_image mask = picture(mask_data, 64, 48, DERUST_FORMAT_GRAY_U8, 1);
#define WRONG(field, value, status, text)                                                       \
    segment = segment_good;                                                                     \
    segment.field = value;                                                                      \
    REFUSED(derust_segment(engine, &image, &segment, NULL, NULL, NULL, &error), status, text);  \
    REFUSED(derust_analyse_segment(engine, &image, &segment, &analysis, &error), status, text); \
    CHECK(analysis == NULL)
    WRONG(struct_size, 0, DERUST_ERROR_ARGUMENT, "options.struct_size is 0; set it to sizeof(derust_segment_options)");
    WRONG(scale, 2, DERUST_ERROR_ARGUMENT, "options.scale is 2, which is no DERUST_SCALE_ constant");
    WRONG(model, "nobody", DERUST_ERROR_MODEL, "there is no usable segment-rust model named `nobody`");
    WRONG(model, "red-to-gray", DERUST_ERROR_MODEL, "named `red-to-gray`");
    WRONG(model, "", DERUST_ERROR_ARGUMENT, "options.model is empty");
    WRONG(model, "\xff", DERUST_ERROR_ARGUMENT, "options.model is not UTF-8");
    WRONG(threshold, 1.0f, DERUST_ERROR_ARGUMENT, "options.threshold is 1; it lies between 0 and 1");
    WRONG(threshold, -0.5f, DERUST_ERROR_ARGUMENT, "options.threshold is -0.5");
    WRONG(threshold, NAN, DERUST_ERROR_ARGUMENT, "options.threshold is NaN");
    WRONG(contours, 2, DERUST_ERROR_ARGUMENT, "options.contours is 2; it is 0 or 1");
#undef WRONG
#define WRONG(field, value, status, text)                                                     \
    removal = remove_good;                                                                    \
    removal.field = value;                                                                    \
    REFUSED(derust_remove(engine, &image, &removal, &image, &error), status, text);           \
    REFUSED(derust_analyse_remove(engine, &image, &removal, &analysis, &error), status, text); \
    CHECK(analysis == NULL)
    WRONG(struct_size, 55, DERUST_ERROR_ARGUMENT, "options.struct_size is 55; set it to sizeof(derust_remove_options)");
    WRONG(scale, -1, DERUST_ERROR_ARGUMENT, "options.scale is -1");
    WRONG(model, "nobody", DERUST_ERROR_MODEL, "there is no usable derust model named `nobody`");
    WRONG(strength, 1.5f, DERUST_ERROR_ARGUMENT, "options.strength is 1.5; it goes from 0 to 1");
    WRONG(strength, -1.0f, DERUST_ERROR_ARGUMENT, "options.strength is -1");
    WRONG(strength, NAN, DERUST_ERROR_ARGUMENT, "options.strength is NaN");
    WRONG(plain_fill, 2, DERUST_ERROR_ARGUMENT, "options.plain_fill is 2; it is 0 or 1");
    WRONG(mask_mode, 2, DERUST_ERROR_ARGUMENT, "options.mask_mode is 2");
    WRONG(mask_mode, DERUST_MASK_REPLACE, DERUST_ERROR_ARGUMENT, "options.mask is NULL, but");
    mask.width = 63;
    WRONG(mask, &mask, DERUST_ERROR_FORMAT, "options.mask has 63 x 48 pixels; image has 64 x 48");
    mask = picture(mask_data, 64, 48, DERUST_FORMAT_BGR_U8, 3);
    WRONG(mask, &mask, DERUST_ERROR_FORMAT, "options.mask.format is BGR8");
    mask.data = NULL;
    WRONG(mask, &mask, DERUST_ERROR_ARGUMENT, "options.mask.data is NULL");
#undef WRONG
    mask = picture(data, 64, 48, DERUST_FORMAT_GRAY_U8, 1);
    removal = remove_good;
    removal.mask = &mask;
    REFUSED(derust_remove(engine, &image, &removal, &image, &error), DERUST_ERROR_OVERLAP,
            "output shares 3072 bytes with options.mask");
    free(mask_data);
    end();
}

void wrong_handles(void) {
    begin();
    derust_engine *none = NULL;
    derust_analysis *analysis = NULL, *removal = NULL;
    derust_report *report = NULL;
    derust_models *list = NULL;
    derust_devices *devices = NULL;
    derust_cancel *cancel = NULL;
    derust_model model = DERUST_MODEL_INIT;
    derust_device device = DERUST_DEVICE_INIT;
    derust_runtime runtime = DERUST_RUNTIME_INIT;
    derust_summary summary = DERUST_SUMMARY_INIT;
    derust_region region = DERUST_REGION_INIT;
    derust_compose_options compose = DERUST_COMPOSE_OPTIONS_INIT;
    const int32_t *points;
    uint64_t count;

    /* NULL instead of a handle. */
    const derust_status status = DERUST_ERROR_ARGUMENT;
    REFUSED(derust_segment(none, &image, NULL, NULL, NULL, NULL, &error), status, "engine is NULL");
    REFUSED(derust_remove(none, &image, NULL, &image, &error), status, "engine is NULL");
    REFUSED(derust_analyse_segment(none, &image, NULL, &analysis, &error), status, "engine is NULL");
    REFUSED(derust_analyse_remove(none, &image, NULL, &analysis, &error), status, "engine is NULL");
    REFUSED(derust_segment_batch(none, 0, NULL, NULL, NULL, NULL, NULL, NULL, &error), status, "engine is NULL");
    REFUSED(derust_remove_batch(none, 0, NULL, NULL, NULL, NULL, &error), status, "engine is NULL");
    REFUSED(derust_engine_refresh(none, &error), status, "engine is NULL");
    REFUSED(derust_engine_models(none, &list, &error), status, "engine is NULL");
    REFUSED(derust_engine_devices(none, &devices, &error), status, "engine is NULL");
    REFUSED(derust_engine_runtime(none, &runtime, &error), status, "engine is NULL");
    REFUSED(derust_compose(NULL, &image, NULL, &image, &error), status, "analysis is NULL");
    REFUSED(derust_analysis_report(NULL, &image, NULL, &report, &error), status, "analysis is NULL");
    REFUSED(derust_report_summary(NULL, &summary, &error), status, "report is NULL");
    REFUSED(derust_report_region(NULL, 0, &region, &error), status, "report is NULL");
    REFUSED(derust_report_contour(NULL, 0, &points, &count, &error), status, "report is NULL");
    REFUSED(derust_models_get(NULL, 0, &model, &error), status, "models is NULL");
    REFUSED(derust_devices_get(NULL, 0, &device, &error), status, "devices is NULL");
    CHECK(derust_models_count(NULL) == 0 && derust_devices_count(NULL) == 0);
    CHECK(derust_error_status(NULL) == DERUST_OK && strcmp(derust_error_message(NULL), "") == 0);
    derust_cancel_request(NULL);
    derust_cancel_reset(NULL);
    derust_cancel_free(NULL);
    derust_engine_free(NULL);
    derust_error_free(NULL);
    derust_models_free(NULL);
    derust_devices_free(NULL);
    derust_analysis_free(NULL);
    derust_report_free(NULL);

    /* NULL instead of a place for the answer. */
    REFUSED(derust_analyse_segment(engine, &image, NULL, NULL, &error), status, "analysis is NULL; it has to point");
    REFUSED(derust_analyse_remove(engine, &image, NULL, NULL, &error), status, "analysis is NULL");
    REFUSED(derust_engine_models(engine, NULL, &error), status, "models is NULL");
    REFUSED(derust_engine_devices(engine, NULL, &error), status, "devices is NULL");
    REFUSED(derust_engine_runtime(engine, NULL, &error), status, "runtime is NULL; it has to point to a derust_runtime");
    REFUSED(derust_cancel_create(NULL, &error), status, "cancel is NULL");
    OK(derust_cancel_create(&cancel, &error));
    derust_cancel_free(cancel);

    /* Places in lists, and structs that were not initialised. */
    OK(derust_engine_models(engine, &list, &error));
    CHECK(derust_models_count(list) == 2);
    REFUSED(derust_models_get(list, 2, &model, &error), status, "index is 2; models has 2 entries, counted from 0");
    REFUSED(derust_models_get(list, UINT64_MAX, &model, &error), status, "index is 18446744073709551615");
    REFUSED(derust_models_get(list, 0, NULL, &error), status, "model is NULL");
    model.struct_size = 0;
    REFUSED(derust_models_get(list, 0, &model, &error), status, "model.struct_size is 0; set it to sizeof(derust_model)");
    derust_models_free(list);
    OK(derust_engine_devices(engine, &devices, &error));
    REFUSED(derust_devices_get(devices, 99, &device, &error), status, "index is 99");
    device.struct_size = 5;
    REFUSED(derust_devices_get(devices, 0, &device, &error), status, "device.struct_size is 5");
    derust_devices_free(devices);
    OK(derust_segment(engine, &image, NULL, NULL, NULL, &report, &error));
    REFUSED(derust_report_region(report, 0, &region, &error), status, "index is 0; report has 0 entries");
    REFUSED(derust_report_contour(report, 0, &points, &count, &error), status, "set options.contours to 1");
    REFUSED(derust_report_contour(report, 0, NULL, &count, &error), status, "points is NULL");
    REFUSED(derust_report_contour(report, 0, &points, NULL, &error), status, "count is NULL");
    REFUSED(derust_report_summary(report, NULL, &error), status, "summary is NULL");
    summary.struct_size = 1;
    REFUSED(derust_report_summary(report, &summary, &error), status, "summary.struct_size is 1");
    derust_report_free(report);

    /* Analyses and what they cannot give. */
    unsigned char *other_data = zeros(64 * 48 * 3);
    derust_image gray = picture(other_data, 64, 48, DERUST_FORMAT_GRAY_U8, 1);
    derust_image output = picture(other_data, 64, 48, DERUST_FORMAT_BGR_U8, 3);
    OK(derust_analyse_segment(engine, &image, NULL, &analysis, &error));
    OK(derust_analyse_remove(engine, &image, NULL, &removal, &error));
    REFUSED(derust_compose(analysis, &image, NULL, &output, &error), status,
            "options.output is 0, which this analysis cannot give; an analysis for segmentation gives DERUST_OUTPUT_MASK");
    compose.output = DERUST_OUTPUT_MASK;
    REFUSED(derust_compose(removal, &image, &compose, &gray, &error), status, "an analysis for removal gives");
    REFUSED(derust_compose(analysis, &image, &compose, &output, &error), DERUST_ERROR_FORMAT, "output.format is BGR8");
    compose.threshold = 2;
    REFUSED(derust_compose(analysis, &image, &compose, &gray, &error), status, "options.threshold is 2");
    compose.threshold = 0;
    compose.output = 4;
    REFUSED(derust_compose(analysis, &image, &compose, &gray, &error), status, "which is no DERUST_OUTPUT_ constant");
    compose.output = DERUST_OUTPUT_OVERLAY;
    REFUSED(derust_compose(analysis, &image, &compose, &gray, &error), DERUST_ERROR_FORMAT, "output.format is GRAY8");
    compose.output = DERUST_OUTPUT_RESULT;
    compose.strength = 7;
    REFUSED(derust_compose(removal, &image, &compose, &output, &error), status, "options.strength is 7");
    image.region_width = image.region_height = 8;
    REFUSED(derust_compose(removal, &image, NULL, &output, &error), DERUST_ERROR_FORMAT,
            "image has 8 x 8 pixels; the analysed region has 64 x 48");
    REFUSED(derust_analysis_report(analysis, &image, NULL, &report, &error), DERUST_ERROR_FORMAT, "image has 8 x 8");
    CHECK(report == NULL);
    image.region_width = image.region_height = 0;
    REFUSED(derust_analysis_report(removal, &image, NULL, &report, &error), status, "analysis is one for removal");
    REFUSED(derust_analysis_report(analysis, &image, NULL, NULL, &error), status, "report is NULL");
    derust_analysis_free(analysis);
    derust_analysis_free(removal);
    free(other_data);
    end();
}

void wrong_batches(void) {
    begin();
    unsigned char *other_data = blue();
    derust_image other = picture(other_data, 64, 48, DERUST_FORMAT_BGR_U8, 3);
    derust_image broken = other;
    broken.row_stride = 1;
    const derust_image *images[3] = {&image, &broken, &other};
    derust_status statuses[3];
    derust_report *reports[3];
    REFUSED(derust_segment_batch(engine, 3, NULL, NULL, NULL, NULL, NULL, statuses, &error), DERUST_ERROR_ARGUMENT,
            "images is NULL; it has to point to 3 pointers");
    CHECK(statuses[0] == DERUST_ERROR_ARGUMENT && statuses[2] == DERUST_ERROR_ARGUMENT);
    REFUSED(derust_remove_batch(engine, 3, images, NULL, NULL, statuses, &error), DERUST_ERROR_ARGUMENT, "outputs is NULL");
    /* What is wrong with one does not stop the others. */
    REFUSED(derust_segment_batch(engine, 3, images, NULL, NULL, NULL, reports, statuses, &error), DERUST_ERROR_IMAGE,
            "images[1].row_stride is 1 bytes");
    CHECK(statuses[0] == DERUST_OK && statuses[1] == DERUST_ERROR_IMAGE && statuses[2] == DERUST_OK);
    CHECK(reports[0] != NULL && reports[1] == NULL && reports[2] != NULL);
    derust_report_free(reports[0]);
    derust_report_free(reports[2]);
    images[1] = NULL;
    REFUSED(derust_segment_batch(engine, 3, images, NULL, NULL, NULL, NULL, statuses, &error), DERUST_ERROR_ARGUMENT,
            "images[1] is NULL");
    /* Two pictures of a batch may be read twice, but not written twice. */
    images[0] = images[1] = &image;
    OK(derust_segment_batch(engine, 3, images, NULL, NULL, NULL, NULL, NULL, &error));
    REFUSED(derust_remove_batch(engine, 2, images, NULL, images, statuses, &error), DERUST_ERROR_OVERLAP,
            "outputs[1] shares 9216 bytes with outputs[0]");
    const derust_image *outputs[2] = {&other, &image};
    images[1] = &other;
    REFUSED(derust_remove_batch(engine, 2, images, NULL, outputs, statuses, &error), DERUST_ERROR_OVERLAP, "shares 9216 bytes");
    free(other_data);
    end();
}

/* A description with room for what a later version may add. */
struct longer_image {
    derust_image known;
    unsigned char added[64];
};

void structs_of_other_ages(void) {
    begin();
    struct longer_image longer;
    memset(&longer, 0, sizeof longer);
    longer.known = image;
    longer.known.struct_size = sizeof longer;
    OK(derust_segment(engine, &longer.known, NULL, NULL, NULL, NULL, &error));
    longer.added[63] = 1;
    REFUSED(derust_segment(engine, &longer.known, NULL, NULL, NULL, NULL, &error), DERUST_ERROR_ARGUMENT,
            "image comes from a newer version of derust: byte 199 of it is set");
    longer.added[63] = 0;
    longer.added[0] = 0x80;
    REFUSED(derust_segment(engine, &longer.known, NULL, NULL, NULL, NULL, &error), DERUST_ERROR_ARGUMENT, "byte 136 of it");

    /* What is behind the known part of an answer is left alone, and so is the size. */
    struct {
        derust_summary known;
        unsigned char added[16];
    } summary;
    derust_report *report = NULL;
    OK(derust_segment(engine, &image, NULL, NULL, NULL, &report, &error));
    memset(&summary, 0x55, sizeof summary);
    summary.known.struct_size = sizeof summary;
    OK(derust_report_summary(report, &summary.known, &error));
    CHECK(summary.known.struct_size == sizeof summary && summary.known.pixels == 64 * 48);
    CHECK(summary.known.reserved == 0 && summary.known.reserved_2 == 0);
    CHECK(summary.added[0] == 0x55 && summary.added[15] == 0x55);
    derust_report_free(report);
    end();
}

void small_memory(void) {
    unsigned char *pixels = zeros(640 * 480 * 3);
    derust_image large = picture(pixels, 640, 480, DERUST_FORMAT_BGR_U8, 3);
    derust_image small = picture(pixels, 8, 8, DERUST_FORMAT_BGR_U8, 3);
    derust_engine_options options = DERUST_ENGINE_OPTIONS_INIT;
    options.model_folders = &models;
    options.model_folder_count = 1;
    options.only_these_folders = 1;
    options.memory_limit = 1000;
    OK(derust_engine_create(&options, &engine, &error));
    REFUSED(derust_segment(engine, &large, NULL, NULL, NULL, NULL, &error), DERUST_ERROR_MEMORY, "raise its limit");
    REFUSED(derust_remove(engine, &small, NULL, &small, &error), DERUST_ERROR_MEMORY, "raise its limit");
    derust_engine_free(engine);
    free(pixels);
}

void missing_runtime(void) {
    derust_engine_options options = DERUST_ENGINE_OPTIONS_INIT;
    derust_runtime runtime = DERUST_RUNTIME_INIT;
    derust_engine *lost = NULL;
    begin();
    options.runtime_library = "/nowhere/libonnxruntime.so";
    options.model_folders = &models;
    options.model_folder_count = 1;
    OK(derust_engine_create(&options, &lost, &error));
    REFUSED(derust_engine_runtime(lost, &runtime, &error), DERUST_ERROR_RUNTIME, "/nowhere/libonnxruntime.so cannot be used");
    REFUSED(derust_segment(lost, &image, NULL, NULL, NULL, NULL, &error), DERUST_ERROR_RUNTIME, "/nowhere");
    /* Another engine of the process finds the one that was installed; then there is no other any more. */
    OK(derust_engine_runtime(engine, &runtime, &error));
    REFUSED(derust_segment(lost, &image, NULL, NULL, NULL, NULL, &error), DERUST_ERROR_RUNTIME, "already loaded from");
    derust_engine_free(lost);
    end();
}
