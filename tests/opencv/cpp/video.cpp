// video make RUSTY CLEAN OUTPUT: a slow pan over a rusty picture, then some frames of a clean one.
// video compare A B:             frames of both, and how far they differ, as JSON.

#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/videoio.hpp>

#include <iostream>
#include <stdexcept>
#include <string>

static const cv::Size SIZE(480, 320);
constexpr int RUSTY_FRAMES = 8, CLEAN_FRAMES = 4, STEP = 12;

static cv::Mat read(const char *path) {
    cv::Mat picture = cv::imread(path);
    if (picture.cols < SIZE.width + RUSTY_FRAMES * STEP || picture.rows < SIZE.height) {
        throw std::runtime_error(std::string(path) + " is no picture of enough size");
    }
    return picture;
}

static void make(const cv::Mat &rusty, const cv::Mat &clean, const char *path) {
    cv::VideoWriter writer(path, cv::VideoWriter::fourcc('M', 'J', 'P', 'G'), 10, SIZE);
    if (!writer.isOpened()) throw std::runtime_error(std::string("cannot write ") + path);
    const int middle = (rusty.rows - SIZE.height) / 2;
    for (int i = 0; i < RUSTY_FRAMES; ++i) writer.write(rusty(cv::Rect({i * STEP, middle}, SIZE)));
    for (int i = 0; i < CLEAN_FRAMES; ++i) writer.write(clean(cv::Rect({i * STEP, middle}, SIZE)));
}

static void compare(const char *first, const char *second) {
    cv::VideoCapture a(first), b(second);
    cv::Mat frame_a, frame_b;
    int frames = 0;
    std::cout << "{\"differences\": [";
    while (a.read(frame_a)) {
        if (!b.read(frame_b) || frame_a.size() != frame_b.size()) throw std::runtime_error("the second video is another one");
        std::cout << (frames++ > 0 ? ", " : "") << cv::norm(frame_a, frame_b, cv::NORM_L1) / double(frame_a.total() * 3);
    }
    if (b.read(frame_b)) throw std::runtime_error("the second video is longer");
    std::cout << "]}\n";
}

int main(int count, char **arguments) {
    try {
        const std::string verb = count > 1 ? arguments[1] : "";
        if (verb == "make" && count == 5) {
            make(read(arguments[2]), read(arguments[3]), arguments[4]);
        } else if (verb == "compare" && count == 4) {
            compare(arguments[2], arguments[3]);
        } else {
            throw std::runtime_error("wrong usage");
        }
        return 0;
    } catch (const std::exception &problem) {
        std::cerr << "video: " << problem.what() << '\n';
        return 1;
    }
}
