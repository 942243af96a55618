/* Stopping calls, calling back, and what is left of an engine after a fork. */
#include "checks.h"

#include <pthread.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

enum { SIDE = 300 };

static derust_engine *engine;
static unsigned char *data;
static derust_image image;

static void begin(uint32_t sessions) {
    engine = make_engine(sessions);
    data = rusty(SIDE, SIDE, 100);
    image = picture(data, SIDE, SIDE, DERUST_FORMAT_RGB_U8, 3);
}

/* What a callback sees and does. */
struct watcher {
    int calls;
    float last;
    /* Stop, or have another thread stop, at this call. */
    int at;
    derust_cancel *cancel;
};

static void *request(void *cancel) {
    derust_cancel_request((derust_cancel *)cancel);
    return NULL;
}

static int32_t watch(void *user_data, float done) {
    struct watcher *watcher = (struct watcher *)user_data;
    CHECK(done >= watcher->last && done <= 1.0f);
    watcher->last = done;
    watcher->calls++;
    if (watcher->calls != watcher->at) {
        return 0;
    }
    if (watcher->cancel == NULL) {
        return 1;
    }
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, request, watcher->cancel) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    return 0;
}

void stopping(void) {
    begin(1);
    struct watcher watcher = {0, 0, 0, NULL};
    derust_segment_options segment = DERUST_SEGMENT_OPTIONS_INIT;
    derust_remove_options removal = DERUST_REMOVE_OPTIONS_INIT;
    derust_compose_options compose = DERUST_COMPOSE_OPTIONS_INIT;
    derust_analysis *analysis = NULL;
    derust_report *report = NULL;
    segment.progress = removal.progress = compose.progress = watch;
    segment.progress_user_data = removal.progress_user_data = compose.progress_user_data = &watcher;
    OK(derust_segment(engine, &image, &segment, NULL, NULL, &report, &error));
    derust_report_free(report);
    report = NULL;
    const int all = watcher.calls;
    /* More than one for each of the 6 x 6 tiles. */
    CHECK(all > 36 && watcher.last == 1.0f);
    /* By the callback's answer: at any call, and never called again. */
    for (int at = 1; at < all; at += 5) {
        watcher.calls = 0;
        watcher.last = 0;
        watcher.at = at;
        REFUSED(derust_segment(engine, &image, &segment, NULL, NULL, &report, &error), DERUST_ERROR_CANCELLED, "stopped");
        CHECK(watcher.calls == at && report == NULL);
    }
    /* By a handle, from another thread. */
    OK(derust_cancel_create(&watcher.cancel, &error));
    segment.cancel = removal.cancel = compose.cancel = watcher.cancel;
    for (int at = 1; at < all; at += 11) {
        watcher.calls = 0;
        watcher.last = 0;
        watcher.at = at;
        REFUSED(derust_segment(engine, &image, &segment, NULL, NULL, NULL, &error), DERUST_ERROR_CANCELLED, "stopped");
        CHECK(watcher.calls == at);
        /* The request holds until the handle is reset, with and without a callback. */
        REFUSED(derust_remove(engine, &image, &removal, &image, &error), DERUST_ERROR_CANCELLED, "stopped");
        segment.progress = NULL;
        REFUSED(derust_segment(engine, &image, &segment, NULL, NULL, NULL, &error), DERUST_ERROR_CANCELLED, "stopped");
        REFUSED(derust_analyse_segment(engine, &image, &segment, &analysis, &error), DERUST_ERROR_CANCELLED, "stopped");
        CHECK(analysis == NULL);
        segment.progress = watch;
        derust_cancel_reset(watcher.cancel);
    }
    watcher.at = 0;
    watcher.last = 0;
    OK(derust_analyse_remove(engine, &image, &removal, &analysis, &error));
    watcher.last = 0;
    OK(derust_compose(analysis, &image, &compose, &image, &error));
    derust_cancel_request(watcher.cancel);
    REFUSED(derust_compose(analysis, &image, &compose, &image, &error), DERUST_ERROR_CANCELLED, "stopped");
    derust_cancel_reset(watcher.cancel);
    derust_analysis_free(analysis);
    derust_engine_free(engine);

    /* A batch: what was done before the stop stays, the rest is not begun. */
    for (uint32_t sessions = 1; sessions <= 2; sessions++) {
        const derust_image *images[5] = {&image, &image, &image, &image, &image};
        derust_report *reports[5];
        derust_status statuses[5];
        engine = make_engine(sessions);
        watcher.calls = 0;
        watcher.last = 0;
        watcher.at = 3;
        REFUSED(derust_segment_batch(engine, 5, images, &segment, NULL, NULL, reports, statuses, &error),
                DERUST_ERROR_CANCELLED, "stopped");
        CHECK(statuses[4] == DERUST_ERROR_CANCELLED);
        for (int i = 0; i < 5; i++) {
            CHECK((statuses[i] == DERUST_OK) == (reports[i] != NULL));
            derust_report_free(reports[i]);
        }
        derust_cancel_reset(watcher.cancel);
        watcher.at = 0;
        watcher.last = 0;
        OK(derust_segment_batch(engine, 5, images, &segment, NULL, NULL, NULL, statuses, &error));
        derust_engine_free(engine);
    }
    derust_cancel_free(watcher.cancel);
    free(data);
}

/* What a callback may call. */
struct caller {
    int calls;
    derust_engine *other;
    derust_analysis *analysis;
};

static int32_t call_back(void *user_data, float done) {
    struct caller *caller = (struct caller *)user_data;
    derust_report *report = NULL;
    derust_models *list = NULL;
    derust_runtime runtime = DERUST_RUNTIME_INIT;
    (void)done;
    if (caller->calls++ % 10 != 0) {
        return 0;
    }
    const derust_status status = DERUST_ERROR_REENTERED;
    const char *text = "a callback called the engine that is calling it";
    REFUSED(derust_segment(engine, &image, NULL, NULL, NULL, &report, &error), status, text);
    CHECK(report == NULL);
    REFUSED(derust_remove(engine, &image, NULL, &image, &error), status, text);
    REFUSED(derust_engine_refresh(engine, &error), status, text);
    REFUSED(derust_engine_models(engine, &list, &error), status, text);
    REFUSED(derust_engine_runtime(engine, &runtime, &error), status, text);
    REFUSED(derust_compose(caller->analysis, &image, NULL, &image, &error), status, text);
    OK(derust_segment(caller->other, &image, NULL, NULL, NULL, &report, &error));
    derust_report_free(report);
    return 0;
}

static int32_t free_engine(void *user_data, float done) {
    (void)user_data;
    (void)done;
    derust_engine_free(engine);
    engine = NULL;
    return 0;
}

/* Takes longer than the call may. */
static int32_t dawdle(void *user_data, float done) {
    const struct timespec pause = {0, 30 * 1000 * 1000};
    (void)user_data;
    (void)done;
    nanosleep(&pause, NULL);
    return 0;
}

void deadlines(void) {
    for (uint32_t sessions = 1; sessions <= 3; sessions += 2) {
        begin(sessions);
        derust_segment_options segment = DERUST_SEGMENT_OPTIONS_INIT;
        derust_remove_options removal = DERUST_REMOVE_OPTIONS_INIT;
        derust_compose_options compose = DERUST_COMPOSE_OPTIONS_INIT;
        derust_analysis *analysis = NULL;
        derust_report *report = NULL;
        derust_status statuses[2];
        unsigned char *other = rusty(SIDE, SIDE, 100);
        derust_image second = picture(other, SIDE, SIDE, DERUST_FORMAT_RGB_U8, 3);
        const derust_image *images[2] = {&image, &second};
        const derust_status status = DERUST_ERROR_TIMEOUT;
        const char *text = "the time that the call was given is over";
        CHECK(strcmp(derust_status_name(status), "DERUST_ERROR_TIMEOUT") == 0);
        /* Time enough. */
        segment.timeout_ms = removal.timeout_ms = compose.timeout_ms = 600 * 1000;
        OK(derust_segment(engine, &image, &segment, NULL, NULL, &report, &error));
        derust_report_free(report);
        OK(derust_analyse_segment(engine, &image, &segment, &analysis, &error));
        compose.output = DERUST_OUTPUT_OVERLAY;
        OK(derust_compose(analysis, &image, &compose, &second, &error));
        /* Not enough. */
        segment.timeout_ms = removal.timeout_ms = compose.timeout_ms = 10;
        segment.progress = removal.progress = compose.progress = dawdle;
        REFUSED(derust_compose(analysis, &image, &compose, &second, &error), status, text);
        REFUSED(derust_analysis_report(analysis, &image, &segment, &report, &error), status, text);
        derust_analysis_free(analysis);
        analysis = NULL;
        REFUSED(derust_segment(engine, &image, &segment, NULL, NULL, &report, &error), status, text);
        REFUSED(derust_remove(engine, &image, &removal, &second, &error), status, text);
        REFUSED(derust_analyse_segment(engine, &image, &segment, &analysis, &error), status, text);
        REFUSED(derust_analyse_remove(engine, &image, &removal, &analysis, &error), status, text);
        CHECK(report == NULL && analysis == NULL);
        /* A batch has its time as a whole. */
        segment.timeout_ms = removal.timeout_ms = 1;
        REFUSED(derust_segment_batch(engine, 2, images, &segment, NULL, NULL, NULL, statuses, &error), status, text);
        CHECK(statuses[1] == status);
        REFUSED(derust_remove_batch(engine, 2, images, &removal, images, statuses, &error), status, text);
        CHECK(statuses[1] == status);
        free(other);
        free(data);
        data = rusty(SIDE, SIDE, 100);
        image.data = data;
        OK(derust_segment(engine, &image, NULL, NULL, NULL, NULL, &error));
        free(data);
        derust_engine_free(engine);
    }
}

void coming_back(void) {
    begin(1);
    struct caller caller = {0, make_engine(1), NULL};
    derust_remove_options options = DERUST_REMOVE_OPTIONS_INIT;
    OK(derust_analyse_remove(engine, &image, NULL, &caller.analysis, &error));
    options.progress = call_back;
    options.progress_user_data = &caller;
    OK(derust_remove(engine, &image, &options, &image, &error));
    CHECK(caller.calls > 36);
    OK(derust_remove(engine, &image, NULL, &image, &error));
    derust_analysis_free(caller.analysis);
    derust_engine_free(caller.other);
    /* Even an engine that is freed by a callback ends its call. */
    options.progress = free_engine;
    OK(derust_remove(engine, &image, &options, &image, &error));
    CHECK(engine == NULL);
    free(data);
}

void after_fork(void) {
    begin(2);
    derust_analysis *analysis = NULL;
    derust_models *list = NULL;
    OK(derust_segment(engine, &image, NULL, NULL, NULL, NULL, &error));
    OK(derust_analyse_segment(engine, &image, NULL, &analysis, &error));
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        const derust_status status = DERUST_ERROR_FORKED;
        const char *text = "forked from it; make a new engine here";
        derust_report *report = NULL;
        derust_devices *devices = NULL;
        derust_runtime runtime = DERUST_RUNTIME_INIT;
        const derust_image *images[1] = {&image};
        alarm(120);
        REFUSED(derust_segment(engine, &image, NULL, NULL, NULL, &report, &error), status, text);
        REFUSED(derust_remove(engine, &image, NULL, &image, &error), status, text);
        REFUSED(derust_segment_batch(engine, 1, images, NULL, NULL, NULL, NULL, NULL, &error), status, text);
        REFUSED(derust_remove_batch(engine, 1, images, NULL, images, NULL, &error), status, text);
        REFUSED(derust_engine_refresh(engine, &error), status, text);
        REFUSED(derust_engine_models(engine, &list, &error), status, text);
        REFUSED(derust_engine_devices(engine, &devices, &error), status, text);
        REFUSED(derust_engine_runtime(engine, &runtime, &error), status, text);
        REFUSED(derust_analysis_report(analysis, &image, NULL, &report, &error), status, text);
        REFUSED(derust_compose(analysis, &image, NULL, &image, &error), status, text);
        derust_analysis_free(analysis);
        derust_engine_free(engine);
        engine = make_engine(1);
        OK(derust_segment(engine, &image, NULL, NULL, NULL, &report, &error));
        derust_report_free(report);
        derust_engine_free(engine);
        free(data);
        _exit(0);
    }
    int ended = -1;
    CHECK(waitpid(child, &ended, 0) == child);
    CHECK(WIFEXITED(ended) && WEXITSTATUS(ended) == 0);
    /* The parent's is as it was. */
    OK(derust_segment(engine, &image, NULL, NULL, NULL, NULL, &error));
    derust_analysis_free(analysis);
    derust_engine_free(engine);
    free(data);
}

/* The call succeeds, or says that it lacks memory: for itself, for a model file, or for ONNX Runtime. */
static int did(derust_status status, const char *call) {
    CHECK(status == DERUST_OK || status == DERUST_ERROR_MEMORY || status == DERUST_ERROR_MODEL ||
          status == DERUST_ERROR_RUNTIME);
    fprintf(stderr, "%s: %s %s\n", call, derust_status_name(status), derust_error_message(error));
    derust_error_free(error);
    error = NULL;
    return status == DERUST_OK;
}

/* Started with a limit on the memory of the process: large pictures, and a region for every other pixel of some rows. */
void short_of_memory(void) {
    enum { WIDE = 2000, HIGH = 1500 };
    engine = make_engine(1);
    data = (unsigned char *)malloc((size_t)WIDE * HIGH * 3);
    derust_segment_options segmenting = DERUST_SEGMENT_OPTIONS_INIT;
    derust_analysis *analysis = NULL;
    derust_report *report = NULL;
    if (data == NULL) {
        derust_engine_free(engine);
        return;
    }
    for (size_t i = 0; i < (size_t)WIDE * HIGH; i++) {
        int red = i % WIDE % 2 == 0 && i / WIDE % 2 == 0;
        data[3 * i] = red ? 255 : 90;
        data[3 * i + 1] = data[3 * i + 2] = red ? 0 : 90;
    }
    image = picture(data, WIDE, HIGH, DERUST_FORMAT_RGB_U8, 3);
    segmenting.contours = 1;
    if (did(derust_segment(engine, &image, &segmenting, NULL, NULL, &report, &error), "segment")) {
        derust_summary summary = DERUST_SUMMARY_INIT;
        OK(derust_report_summary(report, &summary, &error));
        CHECK(summary.region_count > 1000);
    }
    derust_report_free(report);
    did(derust_analyse_remove(engine, &image, NULL, &analysis, &error), "analyse");
    derust_analysis_free(analysis);
    did(derust_remove(engine, &image, NULL, &image, &error), "remove");
    did(derust_engine_refresh(engine, &error), "refresh");
    derust_engine_free(engine);
    free(data);
}

/* The host changed its environment at its start, and a thread of it may still be reading the list that it had then. Run with
 * MALLOC_PERTURB_, so that memory that was given back holds no pointers. */
void environment(void) {
    setenv("HOST_SETTING", "1", 1);
    char **list = environ;
    size_t count = 0;
    while (list[count] != NULL) {
        count++;
    }
    char **before = (char **)malloc(count * sizeof *before);
    CHECK(before != NULL);
    memcpy(before, list, count * sizeof *before);
    begin(1);
    derust_runtime runtime = DERUST_RUNTIME_INIT;
    OK(derust_engine_runtime(engine, &runtime, &error));
    CHECK(memcmp(before, list, count * sizeof *before) == 0 && list[count] == NULL);
    CHECK(strcmp(getenv("HOST_SETTING"), "1") == 0 && strcmp(getenv("ORT_DISABLE_TELEMETRY"), "1") == 0);
    /* The host goes on with it. */
    for (int i = 0; i < 40; i++) {
        char name[16];
        snprintf(name, sizeof name, "HOST_%d", i);
        CHECK(setenv(name, "2", 1) == 0);
    }
    CHECK(strcmp(getenv("HOST_7"), "2") == 0 && strcmp(getenv("HOST_SETTING"), "1") == 0);
    CHECK(strcmp(getenv("ORT_DISABLE_TELEMETRY"), "1") == 0);
    CHECK(unsetenv("ORT_DISABLE_TELEMETRY") == 0 && getenv("ORT_DISABLE_TELEMETRY") == NULL);
    derust_engine_free(engine);
    free(data);
    free(before);
}
