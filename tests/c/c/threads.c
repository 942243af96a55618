/* One engine, many threads. */
#include "checks.h"

#include <pthread.h>
#include <time.h>

enum { THREADS = 8, PICTURES = 4, ROUNDS = 3, WIDTH = 150, HEIGHT = 100, PIXELS = WIDTH * HEIGHT };

static derust_engine *engine;
static unsigned char *pictures[PICTURES];
/* What one thread made of them before. */
static unsigned char *masks[PICTURES], *results[PICTURES];
static int working;

/* Calls in threads have an error variable of their own. */
static void fine(derust_status status, derust_error *own, const char *what) {
    if (status != DERUST_OK) {
        fprintf(stderr, "%s: %s: %s\n", what, derust_status_name(status), derust_error_message(own));
        exit(1);
    }
}

static void pause_for(long milliseconds) {
    const struct timespec time = {0, milliseconds * 1000000};
    nanosleep(&time, NULL);
}

static void process(int i, unsigned char *mask_data, unsigned char *result_data) {
    derust_error *own = NULL;
    derust_image image = picture(pictures[i], WIDTH, HEIGHT, DERUST_FORMAT_RGB_U8, 3);
    derust_image mask = picture(mask_data, WIDTH, HEIGHT, DERUST_FORMAT_GRAY_U8, 1);
    derust_image result = picture(result_data, WIDTH, HEIGHT, DERUST_FORMAT_RGB_U8, 3);
    derust_report *report = NULL;
    fine(derust_segment(engine, &image, NULL, &mask, NULL, &report, &own), own, "segment");
    derust_report_free(report);
    fine(derust_remove(engine, &image, NULL, &result, &own), own, "remove");
}

static void *work(void *number) {
    unsigned char *mask = zeros(PIXELS), *result = zeros(PIXELS * 3);
    for (int round = 0; round < ROUNDS * PICTURES; round++) {
        const int i = (round + (int)(size_t)number) % PICTURES;
        process(i, mask, result);
        CHECK(memcmp(mask, masks[i], PIXELS) == 0 && memcmp(result, results[i], PIXELS * 3) == 0);
    }
    free(mask);
    free(result);
    __atomic_fetch_sub(&working, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static void begin(void) {
    for (uint32_t i = 0; i < PICTURES; i++) {
        pictures[i] = rusty(WIDTH, HEIGHT, 30 * (i + 1));
        masks[i] = zeros(PIXELS);
        results[i] = zeros(PIXELS * 3);
        process((int)i, masks[i], results[i]);
    }
    CHECK(memcmp(masks[0], masks[1], PIXELS) != 0 && memcmp(results[0], results[1], PIXELS * 3) != 0);
}

/* Runs `beside` on this thread while others work. */
static void run(void (*beside)(void)) {
    pthread_t workers[THREADS];
    working = THREADS;
    for (size_t i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&workers[i], NULL, work, (void *)i) == 0);
    }
    if (beside != NULL) {
        beside();
    }
    for (size_t i = 0; i < THREADS; i++) {
        CHECK(pthread_join(workers[i], NULL) == 0);
    }
}

static void end(void) {
    derust_engine_free(engine);
    for (int i = 0; i < PICTURES; i++) {
        free(pictures[i]);
        free(masks[i]);
        free(results[i]);
    }
}

void threads(void) {
    engine = make_engine(1);
    begin();
    run(NULL);
    derust_engine_free(engine);
    engine = make_engine(3);
    run(NULL);
    end();
}

/* The bytes of a model file. */
struct bytes {
    unsigned char *data;
    size_t size;
};

static struct bytes read_model(const char *name) {
    char path[4096];
    struct bytes bytes = {zeros(1 << 20), 0};
    snprintf(path, sizeof path, "%s/%s.onnx", models, name);
    FILE *file = fopen(path, "rb");
    CHECK(file != NULL);
    bytes.size = fread(bytes.data, 1, 1 << 20, file);
    CHECK(bytes.size > 0 && bytes.size < 1 << 20);
    fclose(file);
    return bytes;
}

static void replace_model(const char *name, struct bytes bytes, size_t size) {
    char path[4096], fresh[4096];
    snprintf(path, sizeof path, "%s/%s.onnx", models, name);
    snprintf(fresh, sizeof fresh, "%s/%s.fresh", models, name);
    FILE *file = fopen(fresh, "wb");
    CHECK(file != NULL);
    CHECK(fwrite(bytes.data, 1, size, file) == size && fclose(file) == 0);
    CHECK(rename(fresh, path) == 0);
}

static int swaps, messages;

static void note(void *user_data, int32_t level, const char *message) {
    derust_models *list = NULL;
    derust_error *own = NULL;
    CHECK(user_data == &messages && level >= DERUST_LOG_ERROR && level <= DERUST_LOG_INFO && strlen(message) > 0);
    /* The engine may not be called from here. */
    if (engine != NULL) {
        CHECK(derust_engine_models(engine, &list, &own) == DERUST_ERROR_REENTERED);
        derust_error_free(own);
    }
    __atomic_fetch_add(&messages, 1, __ATOMIC_SEQ_CST);
}

/* Puts whole and broken copies of the same models into the folder. */
static void swap_models(void) {
    struct bytes segment = read_model("red-is-rust"), removal = read_model("red-to-gray");
    while (__atomic_load_n(&working, __ATOMIC_SEQ_CST) > 0) {
        replace_model("red-is-rust", segment, segment.size - (swaps % 2 == 0 ? 0 : 40));
        replace_model("red-to-gray", removal, removal.size - (swaps % 3 == 0 ? 0 : 60));
        OK(derust_engine_refresh(engine, &error));
        swaps++;
    }
    free(segment.data);
    free(removal.data);
}

/* Makes the engine, which looks at the models' folder all the time and tells `log` what it sees. */
static void watch_models(derust_log_callback log, void *log_user_data) {
    derust_engine_options options = DERUST_ENGINE_OPTIONS_INIT;
    options.model_folders = &models;
    options.model_folder_count = 1;
    options.only_these_folders = 1;
    options.watch_milliseconds = 1;
    options.threads = 1;
    options.sessions = 2;
    options.log = log;
    options.log_user_data = log_user_data;
    OK(derust_engine_create(&options, &engine, &error));
}

void swapping(void) {
    watch_models(note, &messages);
    begin();
    run(swap_models);
    printf("%d swaps, %d messages\n", swaps, messages);
    CHECK(swaps > 2 && messages > 0);
    end();
}

static int looking;

/* Is still at it while the engine is freed. */
static void dawdle(void *user_data, int32_t level, const char *message) {
    derust_models *list = NULL;
    derust_error *own = NULL;
    CHECK(user_data == NULL && level >= DERUST_LOG_ERROR && strlen(message) > 0);
    __atomic_store_n(&looking, 1, __ATOMIC_SEQ_CST);
    pause_for(300);
    CHECK(derust_engine_models(engine, &list, &own) == DERUST_ERROR_REENTERED);
    derust_error_free(own);
}

void freeing(void) {
    struct bytes segment = read_model("red-is-rust");
    watch_models(dawdle, NULL);
    while (__atomic_load_n(&looking, __ATOMIC_SEQ_CST) == 0) {
        replace_model("red-is-rust", segment, segment.size);
        pause_for(50);
    }
    derust_engine_free(engine);
    free(segment.data);
}
