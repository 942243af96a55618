/* What the filters give, with networks whose answers are known: rust is what is red, and becomes gray. */
#include "checks.h"

enum { WIDTH = 160, HEIGHT = 120, RED = 40, PIXELS = WIDTH * HEIGHT };

/* How far the soft edge of a tile or of an enlargement may reach. */
enum { EDGE = 8 };

void finding(void) {
    derust_engine *engine = make_engine(1);
    unsigned char *data = rusty(WIDTH, HEIGHT, RED);
    unsigned char *mask_data = zeros(PIXELS);
    float *probability_data = (float *)zeros(PIXELS * sizeof(float));
    derust_image image = picture(data, WIDTH, HEIGHT, DERUST_FORMAT_RGB_U8, 3);
    derust_image mask = picture(mask_data, WIDTH, HEIGHT, DERUST_FORMAT_GRAY_U8, 1);
    derust_image probability = picture(probability_data, WIDTH, HEIGHT, DERUST_FORMAT_GRAY_F32, 4);
    derust_segment_options options = DERUST_SEGMENT_OPTIONS_INIT;
    derust_report *report = NULL;
    options.contours = 1;
    OK(derust_segment(engine, &image, &options, &mask, &probability, &report, &error));
    for (int i = 0; i < PIXELS; i++) {
        int x = i % WIDTH;
        CHECK(mask_data[i] == (x < RED ? 255 : 0));
        CHECK(x < RED - EDGE ? probability_data[i] > 0.7f : x < RED + EDGE || probability_data[i] == 0.0f);
    }
    derust_summary summary = DERUST_SUMMARY_INIT;
    OK(derust_report_summary(report, &summary, &error));
    CHECK(summary.pixels == PIXELS && summary.rust_pixels == RED * HEIGHT && summary.region_count == 1);
    CHECK(summary.fraction == 0.25 && summary.threshold == 0.5f && summary.iso_4628_3 == 5 && summary.astm_d610 == 2);
    derust_region region = DERUST_REGION_INIT;
    OK(derust_report_region(report, 0, &region, &error));
    CHECK(region.x == 0 && region.y == 0 && region.width == RED && region.height == HEIGHT);
    CHECK(region.area == RED * HEIGHT && region.mean_probability > 0.8f && region.mean_probability < 1.0f);
    const int32_t *points = NULL;
    uint64_t count = 0;
    OK(derust_report_contour(report, 0, &points, &count, &error));
    CHECK(count == 2 * (RED + HEIGHT) - 4);
    for (uint64_t i = 0; i < count; i++) {
        int32_t x = points[2 * i], y = points[2 * i + 1];
        CHECK((x == 0 || x == RED - 1) ? y >= 0 && y < HEIGHT : (y == 0 || y == HEIGHT - 1) && x > 0 && x < RED);
    }
    derust_report_free(report);

    /* Only the mask, of a region, upside down, into the middle of a larger buffer with gaps. */
    memset(mask_data, 7, PIXELS);
    image.region_x = RED - 10;
    image.region_y = 20;
    image.region_width = 20;
    image.region_height = 30;
    mask = picture(mask_data, 20, 30, DERUST_FORMAT_GRAY_U8, 1);
    mask.data_size = PIXELS;
    mask.pixel_stride = 2;
    mask.row_stride = -50;
    mask.offset = 100 + 29 * 50;
    OK(derust_segment(engine, &image, NULL, &mask, NULL, NULL, &error));
    for (int i = 0; i < PIXELS; i++) {
        int place = i - 100, x = place % 50, expected = 7;
        if (place >= 0 && place < 30 * 50 && x < 40 && x % 2 == 0) {
            expected = x / 2 < 10 ? 255 : 0;
        }
        CHECK(mask_data[i] == expected);
    }
    /* The region's own coordinates. */
    OK(derust_segment(engine, &image, NULL, NULL, NULL, &report, &error));
    OK(derust_report_region(report, 0, &region, &error));
    CHECK(region.x == 0 && region.y == 0 && region.width == 10 && region.height == 30);
    derust_report_free(report);
    free(data);
    free(mask_data);
    free(probability_data);
    derust_engine_free(engine);
}

/* Writes `value`, 0 to 1, as the type of the format. */
static void put(unsigned char *place, int32_t format, float value) {
    const uint16_t wide = (uint16_t)(value * 65535.0f);
    switch ((format - 1) % 3) {
        case 0: *place = (unsigned char)(value * 255.0f); break;
        case 1: memcpy(place, &wide, sizeof wide); break;
        default: memcpy(place, &value, sizeof value); break;
    }
}

void formats(void) {
    derust_engine *engine = make_engine(1);
    for (int32_t format = DERUST_FORMAT_GRAY_U8; format <= DERUST_FORMAT_BGRA_F32; format++) {
        const uint32_t channels = format <= 3 ? 1 : format <= 9 ? 3 : 4, bytes = 1u << ((format - 1) % 3);
        const int blue_first = (format >= 7 && format <= 9) || format >= 13;
        const float red[4] = {blue_first ? 0.1f : 0.9f, 0.1f, blue_first ? 0.9f : 0.1f, 0.7f};
        const size_t size = (size_t)PIXELS * channels * bytes;
        unsigned char *data = zeros(size + 1), *output_data = zeros(size), *mask_data = zeros(PIXELS * 4);
        /* At an odd address: no format asks for more. */
        derust_image image = picture(data + 1, WIDTH, HEIGHT, format, channels * bytes);
        derust_segment_options segment = DERUST_SEGMENT_OPTIONS_INIT;
        derust_remove_options removal = DERUST_REMOVE_OPTIONS_INIT;
        segment.judge_anyway = removal.judge_anyway = channels == 1;
        derust_image output = picture(output_data, WIDTH, HEIGHT, format, channels * bytes);
        for (int i = 0; i < PIXELS; i++) {
            for (uint32_t c = 0; c < channels; c++) {
                const float value = i % WIDTH < RED && channels > 1 ? red[c] : 0.4f;
                put(data + 1 + ((size_t)i * channels + c) * bytes, format, value);
            }
        }
        /* Masks are gray in all three types. */
        for (int32_t mask_format = DERUST_FORMAT_GRAY_U8; mask_format <= DERUST_FORMAT_GRAY_F32; mask_format++) {
            const uint32_t mask_bytes = 1u << (mask_format - 1);
            unsigned char white[4];
            derust_image mask = picture(mask_data, WIDTH, HEIGHT, mask_format, mask_bytes);
            put(white, mask_format, 1.0f);
            OK(derust_segment(engine, &image, &segment, &mask, NULL, NULL, &error));
            /* There is no red in gray. */
            CHECK((memcmp(mask_data, white, mask_bytes) == 0) == (channels > 1));
            CHECK(memcmp(mask_data + (WIDTH - 1) * mask_bytes, "\0\0\0\0", mask_bytes) == 0);
        }
        OK(derust_remove(engine, &image, &removal, &output, &error));
        CHECK((memcmp(data + 1, output_data, size) != 0) == (channels > 1));
        const size_t last = size - channels * bytes;
        CHECK(memcmp(data + 1 + last, output_data + last, channels * bytes) == 0);
        if (channels == 4) {
            CHECK(memcmp(data + 1 + 3 * bytes, output_data + 3 * bytes, bytes) == 0);
        }
        free(data);
        free(output_data);
        free(mask_data);
    }
    derust_engine_free(engine);
}

/* A picture that cannot be judged is not one without rust. */
void judging(void) {
    derust_engine *engine = make_engine(1);
    unsigned char *data = zeros(PIXELS * 3), *output_data = zeros(PIXELS * 3), *mask_data = zeros(PIXELS);
    derust_image image = picture(data, WIDTH, HEIGHT, DERUST_FORMAT_RGB_U8, 3);
    derust_image output = picture(output_data, WIDTH, HEIGHT, DERUST_FORMAT_RGB_U8, 3);
    derust_image mask = picture(mask_data, WIDTH, HEIGHT, DERUST_FORMAT_GRAY_U8, 1);
    derust_segment_options segment = DERUST_SEGMENT_OPTIONS_INIT;
    derust_remove_options removal = DERUST_REMOVE_OPTIONS_INIT;
    derust_report *report = NULL;
    derust_analysis *analysis = NULL;
    derust_call_info info = DERUST_CALL_INFO_INIT;
    const derust_status unjudgeable = DERUST_ERROR_UNJUDGEABLE;
    CHECK(strcmp(derust_status_name(unjudgeable), "DERUST_ERROR_UNJUDGEABLE") == 0);
    for (int gray = 0; gray <= 120; gray += 120) {
        const char *reason = gray == 0 ? "cannot be judged, because there is next to nothing above black in it"
                                       : "cannot be judged, because it is gray, and the networks know rust by its colours";
        memset(data, gray, PIXELS * 3);
        memset(mask_data, 7, PIXELS);
        REFUSED(derust_segment(engine, &image, NULL, &mask, NULL, &report, &error), unjudgeable, reason);
        REFUSED(derust_remove(engine, &image, NULL, &output, &error), unjudgeable, reason);
        REFUSED(derust_analyse_segment(engine, &image, NULL, &analysis, &error), unjudgeable, reason);
        REFUSED(derust_analyse_remove(engine, &image, NULL, &analysis, &error), unjudgeable, reason);
        CHECK(report == NULL && analysis == NULL && mask_data[0] == 7 && output_data[0] == 0);
        /* A struct of a program that does not know the option says no. */
        segment.judge_anyway = removal.judge_anyway = 1;
        segment.struct_size = 48;
        removal.struct_size = 64;
        REFUSED(derust_segment(engine, &image, &segment, NULL, NULL, NULL, &error), unjudgeable, reason);
        REFUSED(derust_remove(engine, &image, &removal, &output, &error), unjudgeable, reason);
        segment.struct_size = sizeof segment;
        removal.struct_size = sizeof removal;
        OK(derust_segment(engine, &image, &segment, &mask, NULL, &report, &error));
        OK(derust_remove(engine, &image, &removal, &output, &error));
        CHECK(mask_data[0] == 0 && memcmp(data, output_data, PIXELS * 3) == 0);
        derust_report_free(report);
        /* A mask that stands in for what is found needs no judgement. */
        memset(mask_data, 255, PIXELS);
        removal.judge_anyway = 0;
        removal.mask = &mask;
        removal.mask_mode = DERUST_MASK_REPLACE;
        OK(derust_remove(engine, &image, &removal, &output, &error));
        removal.mask = NULL;
        removal.mask_mode = DERUST_MASK_LIMIT;
        memset(output_data, 0, PIXELS * 3);
    }
    segment.judge_anyway = 2;
    REFUSED(derust_segment(engine, &image, &segment, NULL, NULL, NULL, &error), DERUST_ERROR_ARGUMENT,
            "options.judge_anyway is 2; it is 0 or 1");
    /* Of the pictures of a batch only those are refused, and what is said of the others is theirs. */
    unsigned char *dark = rusty(WIDTH, HEIGHT, RED), *bright = rusty(WIDTH, HEIGHT, RED);
    for (int i = 0; i < PIXELS * 3; i++) {
        dark[i] = (unsigned char)(dark[i] / 4);
    }
    derust_image images_of[3] = {image, image, image};
    images_of[0].data = bright;
    images_of[2].data = dark;
    const derust_image *images[3] = {&images_of[0], &images_of[1], &images_of[2]};
    derust_call_info infos[3] = {DERUST_CALL_INFO_INIT, DERUST_CALL_INFO_INIT, DERUST_CALL_INFO_INIT};
    derust_report *reports[3];
    derust_status statuses[3];
    segment.judge_anyway = 0;
    segment.info = removal.info = infos;
    REFUSED(derust_segment_batch(engine, 3, images, &segment, NULL, NULL, reports, statuses, &error), unjudgeable,
            "images[1]: the picture cannot be judged");
    CHECK(statuses[0] == DERUST_OK && statuses[1] == unjudgeable && statuses[2] == DERUST_OK);
    CHECK(infos[0].caution == DERUST_CAUTION_NONE && infos[2].caution == DERUST_CAUTION_DARK);
    CHECK(infos[0].network_ns > 0 && infos[2].network_ns > 0 && infos[2].compose_ns > 0);
    derust_summary summary = DERUST_SUMMARY_INIT;
    OK(derust_report_summary(reports[2], &summary, &error));
    CHECK(summary.caution == DERUST_CAUTION_DARK);
    OK(derust_report_summary(reports[0], &summary, &error));
    CHECK(summary.caution == DERUST_CAUTION_NONE && reports[1] == NULL);
    infos[2].caution = DERUST_CAUTION_NONE;
    REFUSED(derust_remove_batch(engine, 3, images, &removal, images, NULL, &error), unjudgeable, "images[1]");
    CHECK(infos[0].caution == DERUST_CAUTION_NONE && infos[2].caution == DERUST_CAUTION_DARK);
    /* One call, and what is asked of its analysis. */
    for (int i = 0; i < PIXELS * 3; i++) {
        dark[i] = (unsigned char)(bright[i] / 5);
    }
    segment.info = removal.info = &info;
    OK(derust_remove(engine, images[2], &removal, &output, &error));
    CHECK(info.caution == DERUST_CAUTION_DARK && strstr(derust_caution_text(info.caution), "is dark") != NULL);
    OK(derust_segment(engine, images[0], &segment, NULL, NULL, NULL, &error));
    CHECK(info.caution == DERUST_CAUTION_NONE && strcmp(derust_caution_text(info.caution), "") == 0);
    /* The networks are loaded, and nobody else is there. */
    CHECK(info.wait_ns == 0 && info.reduce_ns > 0 && info.network_ns > 0 && info.compose_ns > 0);
    OK(derust_analyse_segment(engine, images[2], &segment, &analysis, &error));
    CHECK(info.caution == DERUST_CAUTION_DARK);
    info.caution = DERUST_CAUTION_NONE;
    OK(derust_analysis_report(analysis, images[2], &segment, &report, &error));
    OK(derust_report_summary(report, &summary, &error));
    CHECK(info.caution == DERUST_CAUTION_DARK && summary.caution == DERUST_CAUTION_DARK);
    CHECK(info.network_ns == 0 && info.reduce_ns == 0 && info.compose_ns > 0);
    derust_report_free(report);
    derust_analysis_free(analysis);
    info.struct_size = 4;
    REFUSED(derust_segment(engine, images[0], &segment, NULL, NULL, NULL, &error), DERUST_ERROR_ARGUMENT,
            "options.info.struct_size is 4; set it to sizeof(derust_call_info)");
    derust_report_free(reports[0]);
    derust_report_free(reports[2]);
    derust_engine_free(engine);
    free(data);
    free(output_data);
    free(mask_data);
    free(dark);
    free(bright);
}

void removing(void) {
    derust_engine *engine = make_engine(1);
    unsigned char *data = rusty(WIDTH, HEIGHT, RED);
    unsigned char *before = rusty(WIDTH, HEIGHT, RED);
    unsigned char *output_data = zeros(PIXELS * 3);
    unsigned char *mask_data = zeros(PIXELS);
    derust_image image = picture(data, WIDTH, HEIGHT, DERUST_FORMAT_RGB_U8, 3);
    derust_image output = picture(output_data, WIDTH, HEIGHT, DERUST_FORMAT_RGB_U8, 3);
    derust_image mask = picture(mask_data, WIDTH, HEIGHT, DERUST_FORMAT_GRAY_U8, 1);
    derust_remove_options options = DERUST_REMOVE_OPTIONS_INIT;
    OK(derust_remove(engine, &image, NULL, &output, &error));
    CHECK(memcmp(data, before, PIXELS * 3) == 0);
    for (int i = 0; i < PIXELS; i++) {
        const unsigned char *was = before + 3 * i, *is = output_data + 3 * i;
        int x = i % WIDTH;
        CHECK(x >= RED - EDGE || is[0] < 100);
        CHECK(x < RED + EDGE || memcmp(was, is, 3) == 0);
    }
    /* In place it is the same. */
    OK(derust_remove(engine, &image, NULL, &image, &error));
    CHECK(memcmp(data, output_data, PIXELS * 3) == 0);
    /* Strength 0 and a black mask leave everything as it is. */
    memcpy(data, before, PIXELS * 3);
    options.strength = 0;
    OK(derust_remove(engine, &image, &options, &output, &error));
    CHECK(memcmp(output_data, before, PIXELS * 3) == 0);
    options.strength = 1;
    options.mask = &mask;
    OK(derust_remove(engine, &image, &options, &image, &error));
    CHECK(memcmp(data, before, PIXELS * 3) == 0);
    /* A mask that replaces what is found: all of the right half. */
    for (int i = 0; i < PIXELS; i++) {
        mask_data[i] = i % WIDTH < WIDTH / 2 ? 0 : 255;
    }
    options.mask_mode = DERUST_MASK_REPLACE;
    OK(derust_remove(engine, &image, &options, &output, &error));
    for (int i = 0; i < PIXELS; i++) {
        CHECK(i % WIDTH >= WIDTH / 2 || memcmp(before + 3 * i, output_data + 3 * i, 3) == 0);
    }
    /* Outside of the region nothing changes. */
    image.region_x = 5;
    image.region_y = 6;
    image.region_width = 10;
    image.region_height = 11;
    OK(derust_remove(engine, &image, NULL, &image, &error));
    for (int i = 0; i < PIXELS; i++) {
        int x = i % WIDTH, y = i / WIDTH, inside = x >= 5 && x < 15 && y >= 6 && y < 17;
        CHECK((memcmp(before + 3 * i, data + 3 * i, 3) != 0) == inside);
    }
    free(data);
    free(before);
    free(output_data);
    free(mask_data);
    derust_engine_free(engine);
}

/* Writes the frame of a picture: red where x < RED and gray elsewhere, in BT.601's limited range. Answers with its bytes. */
static size_t put_frame(unsigned char *frame, int32_t format) {
    /* Y, Cb and Cr of pure red, and of gray. */
    const unsigned char red[] = {81, 90, 240}, gray[] = {126, 128, 128};
    const int planes = format <= DERUST_FORMAT_I420, pairs = !planes && format <= DERUST_FORMAT_UYVY;
    for (int i = 0; i < PIXELS; i++) {
        const int x = i % WIDTH, y = i / WIDTH, pair = y / 2 * (WIDTH / 2) + x / 2;
        const unsigned char *colour = x < RED ? red : gray;
        unsigned char *behind = frame + PIXELS;
        switch (format) {
            case DERUST_FORMAT_YUYV: frame[2 * i] = colour[0], frame[2 * i + 1] = colour[1 + x % 2]; break;
            case DERUST_FORMAT_UYVY: frame[2 * i + 1] = colour[0], frame[2 * i] = colour[1 + x % 2]; break;
            case DERUST_FORMAT_I420: behind[pair] = colour[1], behind[PIXELS / 4 + pair] = colour[2]; break;
            case DERUST_FORMAT_NV12: behind[2 * pair] = colour[1], behind[2 * pair + 1] = colour[2]; break;
            case DERUST_FORMAT_NV21: behind[2 * pair] = colour[2], behind[2 * pair + 1] = colour[1]; break;
            default: {
                /* Of a mosaic: whether the filter here is red. */
                const int names[] = {0, 3, 1, 2}, first = names[(format - DERUST_FORMAT_BAYER_RGGB_U8) / 2];
                const int is_red = x % 2 == first % 2 && y % 2 == first / 2;
                const uint16_t deep = x >= RED ? 0x8000 : is_red ? 0xff00 : 0x0a00;
                if ((format - DERUST_FORMAT_BAYER_RGGB_U8) % 2 == 1) {
                    memcpy(frame + 2 * i, &deep, sizeof deep);
                } else {
                    frame[i] = (unsigned char)(deep >> 8);
                }
            }
        }
        if (planes) {
            frame[i] = colour[0];
        }
    }
    return planes ? PIXELS * 3 / 2 : pairs || format % 2 == 0 ? PIXELS * 2 : PIXELS;
}

/* Every format of a camera gives the picture that it is of, in colours of any order. */
void camera_frames(void) {
    derust_engine *engine = make_engine(1);
    unsigned char *frame = zeros(PIXELS * 2), *mask_data = zeros(PIXELS), *output_data = zeros(PIXELS * 8);
    derust_image mask = picture(mask_data, WIDTH, HEIGHT, DERUST_FORMAT_GRAY_U8, 1);
    derust_analysis *analysis = NULL;
    for (int32_t format = DERUST_FORMAT_NV12; format <= DERUST_FORMAT_BAYER_GBRG_U16; format++) {
        const size_t bytes = put_frame(frame, format);
        const int mosaic = format >= DERUST_FORMAT_BAYER_RGGB_U8, deep = mosaic && format % 2 == 0;
        const uint32_t stride = (format == DERUST_FORMAT_YUYV || format == DERUST_FORMAT_UYVY || deep) ? 2 : 1;
        derust_image image = picture(frame, WIDTH, HEIGHT, format, stride);
        derust_image output = picture(output_data, WIDTH, HEIGHT, deep ? DERUST_FORMAT_BGR_U16 : DERUST_FORMAT_RGBA_U8,
                                      deep ? 6 : 4);
        image.data_size = bytes;
        OK(derust_segment(engine, &image, NULL, &mask, NULL, NULL, &error));
        for (int i = 0; i < PIXELS; i++) {
            /* In a mosaic the border is where its filters are. */
            CHECK(mosaic && abs(i % WIDTH - RED) < 2 ? 1 : mask_data[i] == (i % WIDTH < RED ? 255 : 0));
        }
        OK(derust_remove(engine, &image, NULL, &output, &error));
        for (int i = 0; i < PIXELS; i++) {
            const int x = i % WIDTH;
            uint16_t wide[3] = {0, 0, 0};
            memcpy(wide, output_data + 6 * (deep ? i : 0), sizeof wide);
            const int red = deep ? wide[2] >> 8 : output_data[4 * i];
            const int green = deep ? wide[1] >> 8 : output_data[4 * i + 1];
            CHECK(x >= RED - EDGE || red < 100);
            CHECK(x < RED + EDGE || (abs(red - 128) <= 1 && abs(green - 128) <= 1));
            CHECK(deep || output_data[4 * i + 3] == 255);
        }
        /* From an analysis it is the same. */
        unsigned char *again_data = zeros(PIXELS * 8);
        derust_image again = output;
        again.data = again_data;
        OK(derust_analyse_remove(engine, &image, NULL, &analysis, &error));
        OK(derust_compose(analysis, &image, NULL, &again, &error));
        CHECK(memcmp(again_data, output_data, (size_t)output.data_size) == 0);
        derust_analysis_free(analysis);
        free(again_data);
    }
    /* A region that begins in the middle of a pair; rows with gaps, and a plane of colours somewhere behind. */
    unsigned char *apart = zeros(PIXELS * 3);
    enum { ROW = WIDTH + 24, COLOURS = ROW * HEIGHT + 1000, COLOUR_ROW = WIDTH + 8 };
    put_frame(frame, DERUST_FORMAT_NV12);
    for (int y = 0; y < HEIGHT; y++) {
        memcpy(apart + y * ROW, frame + y * WIDTH, WIDTH);
        memcpy(apart + COLOURS + y / 2 * COLOUR_ROW, frame + PIXELS + y / 2 * WIDTH, WIDTH);
    }
    derust_image image = picture(apart, WIDTH, HEIGHT, DERUST_FORMAT_NV12, 1);
    image.data_size = PIXELS * 3;
    image.row_stride = ROW;
    image.chroma_offset = COLOURS;
    image.chroma_stride = COLOUR_ROW;
    image.region_x = RED - 11;
    image.region_y = 7;
    image.region_width = 31;
    image.region_height = 21;
    mask = picture(mask_data, 31, 21, DERUST_FORMAT_GRAY_U8, 1);
    OK(derust_segment(engine, &image, NULL, &mask, NULL, NULL, &error));
    for (int i = 0; i < 31 * 21; i++) {
        CHECK(mask_data[i] == (i % 31 < 11 ? 255 : 0));
    }
    free(apart);
    free(frame);
    free(mask_data);
    free(output_data);
    derust_engine_free(engine);
}

/* What takes the place of rust: its shape, and the colour that it is painted in. */
void looks(void) {
    derust_engine *engine = make_engine(1);
    unsigned char *data = rusty(WIDTH, HEIGHT, RED), *output_data = zeros(PIXELS * 3), *again_data = zeros(PIXELS * 3);
    derust_image image = picture(data, WIDTH, HEIGHT, DERUST_FORMAT_RGB_U8, 3);
    derust_image output = picture(output_data, WIDTH, HEIGHT, DERUST_FORMAT_RGB_U8, 3), again = output;
    derust_remove_options options = DERUST_REMOVE_OPTIONS_INIT;
    derust_compose_options compose = DERUST_COMPOSE_OPTIONS_INIT;
    derust_analysis *analysis = NULL;
    again.data = again_data;
    OK(derust_analyse_remove(engine, &image, NULL, &analysis, &error));
    options.plain_fill = 1;
    options.colour_source = compose.colour_source = DERUST_COLOUR_GIVEN;
    options.colour[2] = compose.colour[2] = 0.75f;
    options.colour[1] = compose.colour[1] = 0.25f;
    OK(derust_remove(engine, &image, &options, &output, &error));
    double blue = 0, green = 0, red = 0;
    int count = 0;
    for (int i = 0; i < PIXELS; i++) {
        const unsigned char *was = data + 3 * i, *is = output_data + 3 * i;
        CHECK(i % WIDTH < RED + EDGE || memcmp(was, is, 3) == 0);
        if (i % WIDTH < RED - EDGE) {
            red += is[0], green += is[1], blue += is[2], count++;
        }
    }
    /* The network leaves some of the red: the paint is seen through so much. */
    CHECK(blue / count > 130 && green / count > 30 && green / count < 100 && red / count < 60);
    /* Without its shape it is one colour. */
    options.shape = 0;
    OK(derust_remove(engine, &image, &options, &again, &error));
    CHECK(memcmp(again_data, output_data, PIXELS * 3) != 0);
    options.shape = 1;
    /* An analysis gives any other look without a network, and that of a call. */
    derust_analysis_free(analysis);
    OK(derust_analyse_remove(engine, &image, &options, &analysis, &error));
    OK(derust_compose(analysis, &image, &compose, &again, &error));
    CHECK(memcmp(again_data, output_data, PIXELS * 3) == 0);
    /* The colour of the clean part is its gray. */
    compose.colour_source = DERUST_COLOUR_FROM_IMAGE;
    compose.colour_x = WIDTH - 20;
    compose.colour_y = 50;
    OK(derust_compose(analysis, &image, &compose, &again, &error));
    const unsigned char *painted = again_data + 3 * (50 * WIDTH + 10);
    CHECK(abs(painted[1] - painted[2]) < 12 && painted[2] > 40);
#define WRONG_LOOK(field, value, text)                                                                              do {                                                                                                                const derust_remove_options kept = options;                                                                     options.field = value;                                                                                          REFUSED(derust_remove(engine, &image, &options, &output, &error), DERUST_ERROR_ARGUMENT, text);                  options = kept;                                                                                             } while (0)
    WRONG_LOOK(shape, 1.5f, "options.shape is 1.5; it goes from 0 to 1");
    WRONG_LOOK(colour_source, 3, "options.colour_source is 3, which is no DERUST_COLOUR_ constant");
    WRONG_LOOK(colour[0], 2.0f, "options.colour has 2 in it; its parts go from 0 to 1");
    compose.colour_y = HEIGHT;
    REFUSED(derust_compose(analysis, &image, &compose, &again, &error), DERUST_ERROR_ARGUMENT,
            "options.colour_x and colour_y: the place 140,120 lies outside of the 160 x 120 pixels");
    derust_analysis_free(analysis);
    free(data);
    free(output_data);
    free(again_data);
    derust_engine_free(engine);
}

/* What pictures say of themselves: which pixels count, which number is white, what curve the values have. */
void meanings(void) {
    derust_engine *engine = make_engine(1);
    unsigned char *data = rusty(WIDTH, HEIGHT, RED), *before = rusty(WIDTH, HEIGHT, RED);
    unsigned char *region_data = zeros(PIXELS), *mask_data = zeros(PIXELS), *output_data = zeros(PIXELS * 3);
    uint16_t *wide = (uint16_t *)zeros(PIXELS * 6), *wide_output = (uint16_t *)zeros(PIXELS * 6);
    float *floats = (float *)zeros(PIXELS * 12);
    derust_image image = picture(data, WIDTH, HEIGHT, DERUST_FORMAT_RGB_U8, 3);
    derust_image output = picture(output_data, WIDTH, HEIGHT, DERUST_FORMAT_RGB_U8, 3);
    derust_image region = picture(region_data, WIDTH, HEIGHT, DERUST_FORMAT_GRAY_U8, 1);
    derust_image mask = picture(mask_data, WIDTH, HEIGHT, DERUST_FORMAT_GRAY_U8, 1);
    derust_report *report = NULL;
    derust_analysis *analysis = NULL;
    derust_summary summary = DERUST_SUMMARY_INIT;
    derust_compose_options compose = DERUST_COMPOSE_OPTIONS_INIT;
    derust_status unjudgeable = DERUST_ERROR_UNJUDGEABLE;
    /* Only the right part counts; anything but 0 says so. */
    enum { FIRST = 20 };
    for (int i = 0; i < PIXELS; i++) {
        region_data[i] = i % WIDTH >= FIRST;
    }
    image.region_mask = &region;
    OK(derust_segment(engine, &image, NULL, &mask, NULL, &report, &error));
    OK(derust_report_summary(report, &summary, &error));
    CHECK(summary.pixels == (WIDTH - FIRST) * HEIGHT && summary.rust_pixels == (RED - FIRST) * HEIGHT);
    derust_report_free(report);
    for (int i = 0; i < PIXELS; i++) {
        CHECK(mask_data[i] == (i % WIDTH >= FIRST && i % WIDTH < RED ? 255 : 0));
    }
    OK(derust_remove(engine, &image, NULL, &output, &error));
    OK(derust_analyse_remove(engine, &image, NULL, &analysis, &error));
    OK(derust_remove(engine, &image, NULL, &image, &error));
    for (int i = 0; i < PIXELS; i++) {
        const int changes = i % WIDTH >= FIRST && i % WIDTH < RED - EDGE;
        CHECK(!changes || output_data[3 * i] < 100);
        CHECK(i % WIDTH >= FIRST || memcmp(output_data + 3 * i, before + 3 * i, 3) == 0);
    }
    CHECK(memcmp(data, output_data, PIXELS * 3) == 0);
    memcpy(data, before, PIXELS * 3);
    OK(derust_compose(analysis, &image, &compose, &image, &error));
    CHECK(memcmp(data, output_data, PIXELS * 3) == 0);
    derust_analysis_free(analysis);
    memcpy(data, before, PIXELS * 3);
    /* Nothing counts. */
    memset(region_data, 0, PIXELS);
    REFUSED(derust_segment(engine, &image, NULL, NULL, NULL, NULL, &error), unjudgeable, "outside of the region");

    /* 12 bits in 16. */
    for (int i = 0; i < PIXELS * 3; i++) {
        wide[i] = (uint16_t)(before[i] * 4095 / 255);
        floats[i] = before[i];
    }
    image = picture(wide, WIDTH, HEIGHT, DERUST_FORMAT_RGB_U16, 6);
    output = picture(wide_output, WIDTH, HEIGHT, DERUST_FORMAT_RGB_U16, 6);
    REFUSED(derust_segment(engine, &image, NULL, &mask, NULL, NULL, &error), unjudgeable, "cameras with 12 bits do");
    image.white_level = 4095;
    OK(derust_segment(engine, &image, NULL, &mask, NULL, NULL, &error));
    OK(derust_remove(engine, &image, NULL, &output, &error));
    for (int i = 0; i < PIXELS; i++) {
        CHECK(mask_data[i] == (i % WIDTH < RED ? 255 : 0));
        CHECK(i % WIDTH >= RED - EDGE || (wide_output[3 * i] < 1600 && wide_output[3 * i] > 0));
    }
    image = picture(floats, WIDTH, HEIGHT, DERUST_FORMAT_RGB_F32, 12);
    REFUSED(derust_segment(engine, &image, NULL, &mask, NULL, NULL, &error), unjudgeable, "beyond black and white");
    image.white_level = 255;
    memset(mask_data, 0, PIXELS);
    OK(derust_segment(engine, &image, NULL, &mask, NULL, NULL, &error));
    CHECK(mask_data[0] == 255 && mask_data[WIDTH - 1] == 0);

    /* Values of other curves are other light: 0.5 seems brighter where the curve is flatter. */
    const int32_t transfers[6] = {DERUST_TRANSFER_GAMMA_28, DERUST_TRANSFER_SRGB, DERUST_TRANSFER_GAMMA_22,
                                  DERUST_TRANSFER_BT709, DERUST_TRANSFER_LINEAR, DERUST_TRANSFER_PQ};
    float *probability_data = (float *)zeros(PIXELS * sizeof(float));
    derust_image probability = picture(probability_data, WIDTH, HEIGHT, DERUST_FORMAT_GRAY_F32, 4);
    float last = 0;
    for (int i = 0; i < PIXELS; i++) {
        floats[3 * i] = 0.5f;
        floats[3 * i + 1] = floats[3 * i + 2] = 0;
    }
    image.white_level = 0;
    for (int i = 0; i < 6; i++) {
        image.transfer = transfers[i];
        OK(derust_segment(engine, &image, NULL, NULL, &probability, NULL, &error));
        const float now = probability_data[WIDTH * HEIGHT / 2 + WIDTH / 2];
        CHECK(transfers[i] == DERUST_TRANSFER_PQ ? now < last : now > last);
        CHECK(transfers[i] != DERUST_TRANSFER_SRGB || (now > 0.499f && now < 0.501f));
        last = now;
    }
    /* A red of other primaries is more than sRGB's. */
    image.transfer = DERUST_TRANSFER_LINEAR;
    OK(derust_segment(engine, &image, NULL, NULL, &probability, NULL, &error));
    last = probability_data[PIXELS / 2];
    for (int32_t primaries = DERUST_PRIMARIES_P3; primaries <= DERUST_PRIMARIES_BT2020; primaries++) {
        image.primaries = primaries;
        OK(derust_segment(engine, &image, NULL, NULL, &probability, NULL, &error));
        CHECK(probability_data[PIXELS / 2] > last);
        last = probability_data[PIXELS / 2];
    }
    free(data);
    free(before);
    free(region_data);
    free(mask_data);
    free(output_data);
    free(wide);
    free(wide_output);
    free(floats);
    free(probability_data);
    derust_engine_free(engine);
}

/* The halves of a stereo frame lie among one another in memory and share no pixel. */
void halves(void) {
    for (uint32_t sessions = 1; sessions <= 3; sessions += 2) {
        derust_engine *engine = make_engine(sessions);
        unsigned char *frame = rusty(2 * WIDTH, HEIGHT, RED), *before = rusty(2 * WIDTH, HEIGHT, RED);
        unsigned char *mask_data = zeros(2 * PIXELS), *expected = zeros(PIXELS * 3);
        for (int i = 0; i < 2 * PIXELS; i++) {
            /* Rust in the right half, too, and less of it. */
            const int x = i % (2 * WIDTH) - WIDTH;
            if (x >= 0 && x < RED / 2) {
                memcpy(frame + 3 * i, before, 3);
                memcpy(before + 3 * i, before, 3);
            }
        }
        derust_image left = picture(frame, WIDTH, HEIGHT, DERUST_FORMAT_RGB_U8, 3), right;
        derust_image left_mask = picture(mask_data, WIDTH, HEIGHT, DERUST_FORMAT_GRAY_U8, 1), right_mask;
        derust_image apart = picture(expected, WIDTH, HEIGHT, DERUST_FORMAT_RGB_U8, 3);
        left.data_size = 2 * PIXELS * 3;
        left.row_stride = 2 * WIDTH * 3;
        left_mask.data_size = 2 * PIXELS;
        left_mask.row_stride = 2 * WIDTH;
        right = left;
        right.offset = WIDTH * 3;
        /* A region of interest of the whole frame is as good as an offset. */
        right_mask = left_mask;
        right_mask.width = 2 * WIDTH;
        right_mask.region_x = WIDTH;
        right_mask.region_width = WIDTH;
        right_mask.region_height = HEIGHT;
        const derust_image *images[2] = {&left, &right}, *masks[2] = {&left_mask, &right_mask};
        OK(derust_segment_batch(engine, 2, images, NULL, masks, NULL, NULL, NULL, &error));
        for (int i = 0; i < 2 * PIXELS; i++) {
            const int x = i % (2 * WIDTH);
            CHECK(mask_data[i] == (x < RED || (x >= WIDTH && x < WIDTH + RED / 2) ? 255 : 0));
        }
        /* One half is the result of the other, and nothing else changes. */
        OK(derust_remove(engine, &left, NULL, &apart, &error));
        OK(derust_remove(engine, &left, NULL, &right, &error));
        for (int y = 0; y < HEIGHT; y++) {
            const unsigned char *row = frame + 2 * WIDTH * 3 * y;
            CHECK(memcmp(row, before + 2 * WIDTH * 3 * y, WIDTH * 3) == 0);
            CHECK(memcmp(row + WIDTH * 3, expected + WIDTH * 3 * y, WIDTH * 3) == 0);
        }
        memcpy(frame, before, 2 * PIXELS * 3);
        OK(derust_remove_batch(engine, 2, images, NULL, images, NULL, &error));
        for (int y = 0; y < HEIGHT; y++) {
            CHECK(memcmp(frame + 2 * WIDTH * 3 * y, expected + WIDTH * 3 * y, WIDTH * 3) == 0);
        }
        /* One column in common is one too many. */
        right.offset -= 3;
        REFUSED(derust_remove(engine, &left, NULL, &right, &error), DERUST_ERROR_OVERLAP, "output shares 360 bytes with image");
        REFUSED(derust_remove_batch(engine, 2, images, NULL, images, NULL, &error), DERUST_ERROR_OVERLAP, "shares 360 bytes");
        right_mask.region_x -= 1;
        right_mask.row_stride = -2 * WIDTH;
        right_mask.offset = 2 * WIDTH * (HEIGHT - 1);
        REFUSED(derust_segment_batch(engine, 2, images, NULL, masks, NULL, NULL, NULL, &error), DERUST_ERROR_OVERLAP,
                "shares 120 bytes");
        free(frame);
        free(before);
        free(mask_data);
        free(expected);
        derust_engine_free(engine);
    }
}

void composing(void) {
    derust_engine *engine = make_engine(1);
    unsigned char *data = rusty(WIDTH, HEIGHT, RED);
    unsigned char *direct = zeros(PIXELS * 3), *composed = zeros(PIXELS * 3);
    derust_image image = picture(data, WIDTH, HEIGHT, DERUST_FORMAT_RGB_U8, 3);
    derust_image direct_image = picture(direct, WIDTH, HEIGHT, DERUST_FORMAT_RGB_U8, 3);
    derust_image output = picture(composed, WIDTH, HEIGHT, DERUST_FORMAT_RGB_U8, 3);
    derust_image gray = picture(composed, WIDTH, HEIGHT, DERUST_FORMAT_GRAY_U8, 1);
    derust_analysis *segmentation = NULL, *removal = NULL;
    derust_remove_options removing_options = DERUST_REMOVE_OPTIONS_INIT;
    derust_compose_options options = DERUST_COMPOSE_OPTIONS_INIT;
    removing_options.strength = 0.5f;
    OK(derust_remove(engine, &image, &removing_options, &direct_image, &error));
    OK(derust_analyse_remove(engine, &image, NULL, &removal, &error));
    OK(derust_analyse_segment(engine, &image, NULL, &segmentation, &error));
    /* The engine and its networks are gone: whatever comes now is composed. */
    derust_engine_free(engine);
    options.strength = 0.5f;
    OK(derust_compose(removal, &image, &options, &output, &error));
    CHECK(memcmp(direct, composed, PIXELS * 3) == 0);
    options.strength = 0;
    OK(derust_compose(removal, &image, &options, &output, &error));
    CHECK(memcmp(data, composed, PIXELS * 3) == 0);

    options.output = DERUST_OUTPUT_MASK;
    int rust[3];
    const float thresholds[3] = {0, 0.83f, 0.99f};
    for (int t = 0; t < 3; t++) {
        options.threshold = thresholds[t];
        OK(derust_compose(segmentation, &image, &options, &gray, &error));
        rust[t] = 0;
        for (int i = 0; i < PIXELS; i++) {
            CHECK(composed[i] == 0 || composed[i] == 255);
            rust[t] += composed[i] == 255;
        }
    }
    CHECK(rust[0] == RED * HEIGHT && rust[1] < rust[0] && rust[1] > 0 && rust[2] == 0);
    derust_segment_options report_options = DERUST_SEGMENT_OPTIONS_INIT;
    derust_report *report = NULL;
    derust_summary summary = DERUST_SUMMARY_INIT;
    report_options.threshold = 0.83f;
    OK(derust_analysis_report(segmentation, &image, &report_options, &report, &error));
    OK(derust_report_summary(report, &summary, &error));
    CHECK(summary.threshold == 0.83f && summary.rust_pixels == (uint64_t)rust[1]);
    derust_report_free(report);
    options.threshold = 0;
    options.output = DERUST_OUTPUT_PROBABILITY;
    OK(derust_compose(segmentation, &image, &options, &gray, &error));
    CHECK(composed[0] > 180 && composed[WIDTH - 1] == 0);
    options.output = DERUST_OUTPUT_OVERLAY;
    OK(derust_compose(segmentation, &image, &options, &output, &error));
    CHECK(memcmp(data, composed, 3) != 0 && memcmp(data + 3 * (WIDTH - 1), composed + 3 * (WIDTH - 1), 3) == 0);
    memcpy(direct, data, PIXELS * 3);
    OK(derust_compose(segmentation, &direct_image, &options, &direct_image, &error));
    CHECK(memcmp(direct, composed, PIXELS * 3) == 0);
    derust_analysis_free(segmentation);
    derust_analysis_free(removal);
    free(data);
    free(direct);
    free(composed);
}

enum { COUNT = 7 };

static int32_t note_progress(void *user_data, float done) {
    float *last = (float *)user_data;
    CHECK(done >= *last && done <= 1.0f);
    *last = done;
    return 0;
}

void batches(void) {
    for (uint32_t sessions = 1; sessions <= 3; sessions += 2) {
        derust_engine *engine = make_engine(sessions);
        unsigned char *data[COUNT], *masks_data[COUNT], *results[COUNT], *expected = zeros(PIXELS * 3);
        derust_image images_of[COUNT], masks_of[COUNT], results_of[COUNT];
        const derust_image *images[COUNT], *masks[COUNT], *outputs[COUNT];
        derust_report *reports[COUNT];
        derust_status statuses[COUNT];
        float last = 0;
        derust_segment_options segment = DERUST_SEGMENT_OPTIONS_INIT;
        derust_remove_options removal = DERUST_REMOVE_OPTIONS_INIT;
        for (uint32_t i = 0; i < COUNT; i++) {
            data[i] = rusty(WIDTH, HEIGHT, 10 * (i + 1));
            masks_data[i] = zeros(PIXELS);
            results[i] = zeros(PIXELS * 3);
            images_of[i] = picture(data[i], WIDTH, HEIGHT, DERUST_FORMAT_RGB_U8, 3);
            masks_of[i] = picture(masks_data[i], WIDTH, HEIGHT, DERUST_FORMAT_GRAY_U8, 1);
            results_of[i] = picture(results[i], WIDTH, HEIGHT, DERUST_FORMAT_RGB_U8, 3);
            images[i] = &images_of[i];
            masks[i] = i == 3 ? NULL : &masks_of[i];
            outputs[i] = &results_of[i];
        }
        OK(derust_segment_batch(engine, 0, NULL, NULL, NULL, NULL, NULL, NULL, &error));
        segment.progress = note_progress;
        segment.progress_user_data = &last;
        OK(derust_segment_batch(engine, COUNT, images, &segment, masks, NULL, reports, statuses, &error));
        CHECK(last == 1.0f);
        for (uint32_t i = 0; i < COUNT; i++) {
            derust_summary summary = DERUST_SUMMARY_INIT;
            CHECK(statuses[i] == DERUST_OK);
            OK(derust_report_summary(reports[i], &summary, &error));
            CHECK(summary.rust_pixels == 10 * (i + 1) * HEIGHT);
            CHECK(masks_data[i][0] == (i == 3 ? 0 : 255));
            derust_report_free(reports[i]);
        }
        OK(derust_remove_batch(engine, COUNT, images, NULL, outputs, NULL, &error));
        last = 0;
        removal.progress = note_progress;
        removal.progress_user_data = &last;
        OK(derust_remove_batch(engine, COUNT, images, &removal, images, statuses, &error));
        CHECK(last == 1.0f);
        for (uint32_t i = 0; i < COUNT; i++) {
            CHECK(statuses[i] == DERUST_OK && memcmp(results[i], data[i], PIXELS * 3) == 0);
            unsigned char *fresh = rusty(WIDTH, HEIGHT, 10 * (i + 1));
            derust_image image = picture(fresh, WIDTH, HEIGHT, DERUST_FORMAT_RGB_U8, 3);
            derust_image one = picture(expected, WIDTH, HEIGHT, DERUST_FORMAT_RGB_U8, 3);
            OK(derust_remove(engine, &image, NULL, &one, &error));
            CHECK(memcmp(expected, data[i], PIXELS * 3) == 0);
            free(fresh);
        }
        for (uint32_t i = 0; i < COUNT; i++) {
            free(data[i]);
            free(masks_data[i]);
            free(results[i]);
        }
        free(expected);
        derust_engine_free(engine);
    }
}

void warming_up(void) {
    for (int32_t filter = 0; filter <= DERUST_FILTER_SEGMENT_RUST; filter++) {
        derust_engine *engine = make_engine(1);
        derust_models *list = NULL;
        OK(derust_engine_warm_up(engine, filter, NULL, 600 * 1000, &error));
        OK(derust_engine_models(engine, &list, &error));
        for (uint64_t i = 0; i < 2; i++) {
            derust_model model = DERUST_MODEL_INIT;
            OK(derust_models_get(list, i, &model, &error));
            /* What ran has a place. Removal wants what finds rust, too. */
            const int ran = filter != DERUST_FILTER_SEGMENT_RUST || model.filter == filter;
            CHECK((strlen(model.placement) > 0) == ran);
            CHECK(!ran || model.tried == 1);
        }
        derust_models_free(list);
        derust_engine_free(engine);
    }
    derust_engine *engine = make_engine(1);
    OK(derust_engine_warm_up(engine, DERUST_FILTER_DERUST, "red-to-gray", 0, &error));
    REFUSED(derust_engine_warm_up(engine, DERUST_FILTER_DERUST, "nobody", 0, &error), DERUST_ERROR_MODEL, "named `nobody`");
    REFUSED(derust_engine_warm_up(engine, 0, "red-to-gray", 0, &error), DERUST_ERROR_ARGUMENT, "say which filter's model");
    REFUSED(derust_engine_warm_up(engine, 3, NULL, 0, &error), DERUST_ERROR_ARGUMENT, "filter is 3, which is neither 0 nor");
    REFUSED(derust_engine_warm_up(NULL, 0, NULL, 0, &error), DERUST_ERROR_ARGUMENT, "engine is NULL");
    derust_engine_free(engine);
}

void health(void) {
    static unsigned char pixels[64 * 48 * 3];
    derust_engine *engine = make_engine(1);
    derust_health health = DERUST_HEALTH_INIT;
    derust_models *list = NULL;
    derust_model model = DERUST_MODEL_INIT;
    derust_segment_options named = DERUST_SEGMENT_OPTIONS_INIT;
    derust_image image = picture(pixels, 64, 48, DERUST_FORMAT_RGB_U8, 3);
    memset(pixels, 128, sizeof pixels);
    for (size_t i = 0; i < sizeof pixels; i += 9) pixels[i] = 250;
    OK(derust_engine_health(engine, &health, &error));
    CHECK(health.calls == 0 && health.failures == 0 && health.waiting == 0);
    OK(derust_engine_serving(engine, &list, &error));
    CHECK(derust_models_count(list) == 0);
    derust_models_free(list);
    OK(derust_segment(engine, &image, NULL, NULL, NULL, NULL, &error));
    named.model = "nobody";
    REFUSED(derust_segment(engine, &image, &named, NULL, NULL, NULL, &error), DERUST_ERROR_MODEL, "nobody");
    OK(derust_engine_health(engine, &health, &error));
    CHECK(health.calls == 2 && health.failures == 1 && health.waiting == 0);
    OK(derust_engine_serving(engine, &list, &error));
    CHECK(derust_models_count(list) == 1);
    OK(derust_models_get(list, 0, &model, &error));
    CHECK(model.filter == DERUST_FILTER_SEGMENT_RUST && model.serves == 1 && model.tried == 1);
    CHECK(strcmp(model.name, "red-is-rust") == 0 && strcmp(model.version, "1.0.0") == 0);
    CHECK(strcmp(model.device, "cpu") == 0 && strspn(model.digest, "0123456789abcdef") == 64 && strlen(model.digest) == 64);
    derust_models_free(list);
    REFUSED(derust_engine_health(engine, NULL, &error), DERUST_ERROR_ARGUMENT, "health is NULL");
    REFUSED(derust_engine_serving(NULL, &list, &error), DERUST_ERROR_ARGUMENT, "engine is NULL");
    derust_engine_free(engine);
}

void lists(void) {
    derust_engine *engine = make_engine(1);
    derust_models *list = NULL;
    derust_devices *devices = NULL;
    int filters = 0;
    CHECK(derust_abi_version() == DERUST_ABI);
    CHECK(strlen(derust_version()) >= 5);
    CHECK(strcmp(derust_status_name(DERUST_OK), "DERUST_OK") == 0);
    CHECK(strcmp(derust_status_name(DERUST_ERROR_INTERNAL), "DERUST_ERROR_INTERNAL") == 0);
    CHECK(strcmp(derust_status_name(-5), "unknown derust status") == 0);
    OK(derust_engine_models(engine, &list, &error));
    CHECK(derust_models_count(list) == 2);
    for (uint64_t i = 0; i < 2; i++) {
        derust_model model = DERUST_MODEL_INIT;
        OK(derust_models_get(list, i, &model, &error));
        filters += model.filter;
        CHECK(model.serves == 1 && strcmp(model.version, "1.0.0") == 0 && strcmp(model.reason, "") == 0);
        CHECK(strcmp(model.name, model.filter == DERUST_FILTER_DERUST ? "red-to-gray" : "red-is-rust") == 0);
        CHECK(strstr(model.origin, models) == model.origin && strcmp(model.device, "cpu") == 0);
        CHECK(strcmp(model.placement, "") == 0);
    }
    CHECK(filters == DERUST_FILTER_DERUST + DERUST_FILTER_SEGMENT_RUST);
    OK(derust_engine_devices(engine, &devices, &error));
    CHECK(derust_devices_count(devices) == 3);
    const char *names[3] = {"cpu", "cuda", "tensorrt"};
    for (uint64_t i = 0; i < 3; i++) {
        derust_device device = DERUST_DEVICE_INIT;
        OK(derust_devices_get(devices, i, &device, &error));
        CHECK(device.usable == (device.device == DERUST_DEVICE_CPU) && device.in_use == device.usable);
        CHECK((strlen(device.reason) == 0) == device.usable && strlen(device.name) > 0);
        CHECK(strcmp(device.name, names[i]) == 0 && strlen(device.product) == 0);
    }
    derust_runtime runtime = DERUST_RUNTIME_INIT;
    OK(derust_engine_runtime(engine, &runtime, &error));
    CHECK(strncmp(runtime.version, "1.", 2) == 0 && runtime.path[0] == '/');
    /* Lists live longer than their engine. */
    derust_engine_free(engine);
    derust_model model = DERUST_MODEL_INIT;
    OK(derust_models_get(list, 1, &model, &error));
    CHECK(strlen(model.name) > 0);
    derust_models_free(list);
    derust_devices_free(devices);
}
