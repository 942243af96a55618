// Named cases that stop at the first check that does not hold.

#ifndef CHECKS_HPP
#define CHECKS_HPP

#include <derust.hpp>

#include <functional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

struct Case {
    std::string name;
    std::function<void()> run;
};

std::vector<Case> &cases();

struct Registration {
    Registration(const char *name, void (*run)()) { cases().push_back({name, run}); }
};

#define CASE(name)                                                                                                     \
    static void name();                                                                                                \
    static const Registration name##_registration(#name, name);                                                        \
    static void name()

[[noreturn]] inline void fail(const char *file, int line, const std::string &text) {
    std::ostringstream message;
    message << file << ':' << line << ": " << text;
    throw std::logic_error(message.str());
}

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) fail(__FILE__, __LINE__, #condition);                                                        \
    } while (false)

#define CHECK_EQUAL(left, right)                                                                                       \
    do {                                                                                                               \
        const auto left_value = (left);                                                                                \
        const auto right_value = (right);                                                                              \
        if (!(left_value == right_value)) {                                                                            \
            std::ostringstream text;                                                                                   \
            text << #left " is " << left_value << ", " #right " is " << right_value;                                   \
            fail(__FILE__, __LINE__, text.str());                                                                      \
        }                                                                                                              \
    } while (false)

/// Runs what has to fail with `status` and a text that holds every one of `parts`.
template <class F> void fails(const char *file, int line, derust_status status, std::vector<std::string> parts, F &&run) {
    try {
        run();
    } catch (const derust::error &error) {
        if (error.status() != status) fail(file, line, std::string(error.name()) + ": " + error.what());
        for (const auto &part : parts) {
            if (std::string(error.what()).find(part) == std::string::npos) {
                fail(file, line, "`" + std::string(error.what()) + "` does not say `" + part + "`");
            }
        }
        return;
    }
    fail(file, line, "nothing was thrown");
}

#define FAILS(status, parts, ...)                                                                                      \
    fails(__FILE__, __LINE__, status, std::vector<std::string> parts, [&] { __VA_ARGS__; })

/// Engine that sees the models of the test alone, one thread.
const derust::engine &engine();

/// Its folder of models: `red-is-rust` (probability: red - (green + blue) / 2) serves, `bright-is-rust` (probability:
/// mean of the colours) and `red-to-gray` (fill: (green, green, blue), alpha: as red-is-rust) are the others.
const std::string &model_folder();

/// A JPEG photo with rust.
const std::string &sample();

#endif
