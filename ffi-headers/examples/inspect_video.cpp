// Watches a video for rust: draws what it finds, writes a line of JSON per frame, raises an alarm.
//
//     inspect_video INPUT OUTPUT [--limit FRACTION] [--log FILE] [--models FOLDER] [--threads N]
//
// OUTPUT becomes a Motion JPEG video (name it .avi) with the rust coloured. Lines go to FILE, or to standard output;
// frames per second go to standard error at the end.
//
// A frame that cannot be judged, such as one at night, has a line that says why.
//
// Exit codes: 0 no frame has more rust than FRACTION (0.02), 1 something failed, 2 wrong usage, 3 alarm, 4 no alarm, but some
// frames could not be judged.

#include <derust_opencv.hpp>

#include <opencv2/core.hpp>
#include <opencv2/videoio.hpp>

#include <chrono>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <locale>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

constexpr int FINE = 0, FAILED = 1, WRONG_USAGE = 2, ALARM = 3, UNJUDGED = 4;

const char USAGE[] = "usage: inspect_video INPUT OUTPUT [--limit FRACTION] [--log FILE] [--models FOLDER] [--threads N]\n";

struct Settings {
    std::string input, output, log, models;
    double limit = 0.02;
    unsigned threads = 0;
};

struct wrong_usage : std::runtime_error {
    using std::runtime_error::runtime_error;
};

double number(const std::string &option, const std::string &text, double lowest, double highest) {
    char *end = nullptr;
    const double value = std::strtod(text.c_str(), &end);
    if (text.empty() || *end != '\0' || !(value >= lowest && value <= highest)) {
        throw wrong_usage(option + " " + text + ": a number from " + std::to_string(lowest) + " to " + std::to_string(highest) + " is needed");
    }
    return value;
}

Settings parse(int count, char **arguments) {
    Settings settings;
    std::vector<std::string> files;
    for (int i = 1; i < count; ++i) {
        const std::string argument = arguments[i];
        if (argument.rfind("--", 0) != 0) {
            files.push_back(argument);
            continue;
        }
        if (i + 1 == count) throw wrong_usage(argument + " needs a value");
        const std::string value = arguments[++i];
        if (argument == "--limit") {
            settings.limit = number(argument, value, 0, 1);
        } else if (argument == "--log") {
            settings.log = value;
        } else if (argument == "--models") {
            settings.models = value;
        } else if (argument == "--threads") {
            settings.threads = static_cast<unsigned>(number(argument, value, 0, 1024));
        } else {
            throw wrong_usage("there is no option " + argument);
        }
    }
    if (files.size() != 2) throw wrong_usage("an input and an output are needed");
    settings.input = files[0];
    settings.output = files[1];
    return settings;
}

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

/// What a whole video took.
struct Tally {
    int frames = 0, alarms = 0, unjudged = 0;
    double analysing = 0; ///< seconds
};

/// Finds the rust in one frame and colours it there; writes its line.
void inspect(const derust::engine &engine, cv::Mat &frame, double video_seconds, double limit, Tally &tally, std::ostream &log) {
    const auto begin = Clock::now();
    const auto judged = derust::attempt([&] { return derust::opencv::analyse_segment(engine, frame); });
    if (!judged && judged.error().status() == DERUST_ERROR_UNJUDGEABLE) {
        log << "{\"frame\": " << tally.frames << ", \"seconds\": " << video_seconds << ", \"unjudged\": \""
            << judged.error().what() << "\"}" << std::endl;
        ++tally.frames;
        ++tally.unjudged;
        return;
    }
    const auto &analysis = judged.value();
    tally.analysing += seconds_since(begin);
    const auto found = derust::opencv::report_of(analysis, frame).summary();
    derust::compose_options overlay;
    overlay.output = derust::output::overlay;
    derust::opencv::compose(analysis, frame, frame, overlay);
    const double milliseconds = seconds_since(begin) * 1000;

    const bool alarm = found.fraction > limit;
    log << "{\"frame\": " << tally.frames << ", \"seconds\": " << video_seconds << ", \"fraction\": " << found.fraction
        << ", \"regions\": " << found.region_count << ", \"iso_4628_3\": " << found.iso_4628_3
        << ", \"alarm\": " << (alarm ? "true" : "false") << ", \"milliseconds\": " << milliseconds << "}" << std::endl;
    if (!log) throw std::runtime_error("the log cannot be written");
    ++tally.frames;
    tally.alarms += alarm;
}

int run(const Settings &settings) {
    derust::engine_options options;
    options.threads = settings.threads;
    if (!settings.models.empty()) options.model_folders = {settings.models};
    const derust::engine engine(options);

    cv::VideoCapture input(settings.input);
    if (!input.isOpened()) throw std::runtime_error("cannot read " + settings.input + " as a video");
    const double rate = input.get(cv::CAP_PROP_FPS) > 0 ? input.get(cv::CAP_PROP_FPS) : 25;
    const cv::Size size(static_cast<int>(input.get(cv::CAP_PROP_FRAME_WIDTH)), static_cast<int>(input.get(cv::CAP_PROP_FRAME_HEIGHT)));
    cv::VideoWriter output(settings.output, cv::VideoWriter::fourcc('M', 'J', 'P', 'G'), rate, size);
    if (!output.isOpened()) throw std::runtime_error("cannot write " + settings.output + " as a Motion JPEG video");
    std::ofstream file;
    if (!settings.log.empty()) {
        file.open(settings.log);
        if (!file) throw std::runtime_error("cannot write " + settings.log);
    }
    std::ostream &log = settings.log.empty() ? std::cout : file;
    // JSON has points in its numbers, whatever the country.
    log.imbue(std::locale::classic());
    log << std::setprecision(9);

    Tally tally;
    cv::Mat frame;
    // The first call loads ONNX Runtime and the network; that is no part of a frame's time.
    if (!input.read(frame)) throw std::runtime_error(settings.input + " has no frame");
    derust::segment_options anyway;
    anyway.judge_anyway = true;
    derust::opencv::analyse_segment(engine, frame, anyway);

    const auto begin = Clock::now();
    do {
        inspect(engine, frame, tally.frames / rate, settings.limit, tally, log);
        output.write(frame);
    } while (input.read(frame));
    const double all = seconds_since(begin);

    std::cerr << std::fixed << std::setprecision(1) << tally.frames << " frames, " << tally.alarms << " with more than "
              << settings.limit * 100 << " % rust; " << tally.frames / all << " frames per second\n";
    if (tally.unjudged > 0) std::cerr << tally.unjudged << " frames could not be judged.\n";
    if (tally.unjudged == tally.frames) return UNJUDGED;
    std::cerr << "The analysis alone (reducing a frame and running the network) does "
              << (tally.frames - tally.unjudged) / tally.analysing << " frames per second; reading, report, overlay and writing take the rest (" << (1 - tally.analysing / all) * 100
              << " % of the time).\n";
    return tally.alarms > 0 ? ALARM : tally.unjudged > 0 ? UNJUDGED : FINE;
}

} // namespace

int main(int count, char **arguments) {
    try {
        return run(parse(count, arguments));
    } catch (const wrong_usage &problem) {
        std::cerr << "inspect_video: " << problem.what() << '\n' << USAGE;
        return WRONG_USAGE;
    } catch (const std::exception &problem) {
        std::cerr << "inspect_video: " << problem.what() << '\n';
        return FAILED;
    }
}
