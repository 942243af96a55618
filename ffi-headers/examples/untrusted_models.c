/* Takes models from one folder and no other, and says what became of each: untrusted_models FOLDER
   cc untrusted_models.c $(pkg-config --cflags --libs derust) -o untrusted_models */
#include <derust.h>
#include <stdio.h>

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: untrusted_models FOLDER\n");
        return 2;
    }
    const char *folders[] = {argv[1]};
    derust_engine_options options = DERUST_ENGINE_OPTIONS_INIT;
    options.model_folders = folders;
    options.model_folder_count = 1;
    options.only_these_folders = 1;
    options.memory_limit = UINT64_C(2) << 30; /* for calls, and for what is tried out */
    derust_engine *engine = NULL;
    derust_models *models = NULL;
    derust_error *error = NULL;
    int code = 1;
    if (derust_engine_create(&options, &engine, &error) == DERUST_OK &&
        derust_engine_models(engine, &models, &error) == DERUST_OK) {
        code = 0;
        for (uint64_t i = 0; i < derust_models_count(models); i++) {
            derust_model model = DERUST_MODEL_INIT;
            derust_models_get(models, i, &model, NULL);
            const char *untried = model.serves && !model.tried ? ", but is not tried out yet" : "";
            printf("%s: %s%s\n", model.origin, model.serves ? "serves" : model.reason, untried);
        }
    }
    if (error) fprintf(stderr, "%s\n", derust_error_message(error));
    derust_error_free(error);
    derust_models_free(models);
    derust_engine_free(engine);
    return code;
}
