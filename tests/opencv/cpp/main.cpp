// checks MODEL_FOLDER SAMPLE [CASE]: runs all cases, or one.

#include "checks.hpp"

#include <exception>
#include <iostream>

static std::string folder, picture;

std::vector<Case> &cases() {
    static std::vector<Case> all;
    return all;
}

const std::string &model_folder() { return folder; }

const std::string &sample() { return picture; }

const derust::engine &engine() {
    static const derust::engine shared = [] {
        derust::engine_options options;
        options.model_folders = {folder};
        options.only_these_folders = true;
        options.threads = 1;
        return derust::engine(options);
    }();
    return shared;
}

int main(int count, char **arguments) {
    if (count < 3 || count > 4) {
        std::cerr << "usage: checks MODEL_FOLDER SAMPLE [CASE]\n";
        return 2;
    }
    folder = arguments[1];
    picture = arguments[2];
    const std::string only = count > 3 ? arguments[3] : "";
    int failed = 0, ran = 0;
    for (const auto &one : cases()) {
        if (!only.empty() && one.name != only) continue;
        ++ran;
        try {
            one.run();
            std::cout << "ok " << one.name << std::endl;
        } catch (const std::exception &problem) {
            ++failed;
            std::cerr << "FAILED " << one.name << ": " << problem.what() << std::endl;
        }
    }
    std::cout << ran << " cases, " << failed << " failed" << std::endl;
    return ran == 0 || failed > 0;
}
