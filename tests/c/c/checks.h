/* What the programs share: checks that say where they failed, and pictures. Valid C11 and C++17. */
#ifndef CHECKS_H
#define CHECKS_H

#include <derust.h>
/* Including it again does no harm. */
#include <derust.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The error of the call that is being checked. */
extern derust_error *error;

/* The folder with the models `red-is-rust` and `red-to-gray`. */
extern const char *models;

void check(int holds, const char *what, const char *file, int line);
void check_ok(derust_status status, const char *call, const char *file, int line);
void check_refused(derust_status status, derust_status expected, const char *text, const char *call, const char *file,
                   int line);

#define CHECK(condition) check(!!(condition), #condition, __FILE__, __LINE__)
/* The call succeeds and leaves no error. */
#define OK(call) check_ok((call), #call, __FILE__, __LINE__)
/* The call fails with this status, and its text holds this one. */
#define REFUSED(call, status, text) check_refused((call), (status), (text), #call, __FILE__, __LINE__)

/* An engine with the models of `models` only, one thread and `sessions` sessions. */
derust_engine *make_engine(uint32_t sessions);

/* A packed picture in `data`. */
derust_image picture(void *data, uint32_t width, uint32_t height, int32_t format, uint32_t bytes_per_pixel);

/* A new RGB picture: noise in gray, and red where x < red_until. Freed by the caller. */
unsigned char *rusty(uint32_t width, uint32_t height, uint32_t red_until);

/* Memory for the caller to free. */
unsigned char *zeros(size_t bytes);

/* The programs; see main.c. */
void wrong_engines(void);
void wrong_images(void);
void wrong_options(void);
void wrong_handles(void);
void wrong_batches(void);
void structs_of_other_ages(void);
void small_memory(void);
void short_of_memory(void);
void environment(void);
void missing_runtime(void);
void finding(void);
void formats(void);
void judging(void);
void removing(void);
void meanings(void);
void camera_frames(void);
void looks(void);
void halves(void);
void composing(void);
void batches(void);
void warming_up(void);
void health(void);
void lists(void);
void stopping(void);
void deadlines(void);
void coming_back(void);
void after_fork(void);
void threads(void);
void swapping(void);
void freeing(void);

#endif
