/* derust.h: find rust in pictures and take it away.
 *
 * Generated from derust's source; not edited by hand.
 *
 * Who owns what. Handles (derust_engine, derust_error, derust_report, ...) are made by the library, owned by the caller,
 * and freed with the _free function of their kind; freeing NULL does nothing. Pixels, options and texts that the caller
 * hands over are borrowed until the call returns. Texts that the library hands out belong to the handle that they were
 * read from.
 *
 * Errors. A function that can fail returns a derust_status. Its last argument may be NULL, or point to a variable that
 * gets an error object with a text when the status is not DERUST_OK; it is left alone otherwise. Handles that a call
 * should have made are NULL after a failure. No call prints, ends the program, or throws.
 *
 * Memory. A call that cannot get the memory for something whose size an image or a file decides fails with
 * DERUST_ERROR_MEMORY; it never ends the program. What remains are texts, handles and lists of some kilobytes: a program
 * that has no memory left even for those is ended by the allocator.
 *
 * Environment. The first call that needs ONNX Runtime adds ORT_DISABLE_TELEMETRY=1 to the environment of the process,
 * unless the variable is there already: nothing else keeps ONNX Runtime from writing a device identifier and reporting to
 * its makers. Other threads may read the environment meanwhile. A program whose other threads change it meanwhile sets the
 * variable itself, or calls derust_engine_runtime() before it starts them.
 *
 * Threads. All functions may be called from any number of threads at once, with the same engine, analysis or report.
 * Only: a handle is freed when no other thread is about to begin a call with it.
 *
 * Structs begin with struct_size, set by the initialisers: DERUST_IMAGE_INIT for derust_image and so on. It lets structs
 * grow: a program works with any library of the same DERUST_ABI, older or newer, as long as what is new stays zero.
 */
#ifndef DERUST_H
#define DERUST_H

#include <stddef.h>
#include <stdint.h>

/**
 * The version of the ABI that this header describes. The library's own is derust_abi_version(); it only changes
 * when programs have to be compiled again, and then the library's file name changes with it.
 */
#define DERUST_ABI 1

/** One channel, 8 bits: 0 is black, 255 white. */
#define DERUST_FORMAT_GRAY_U8 1

/** One channel, 16 bits in the machine's byte order: 0 is black, 65535 white. */
#define DERUST_FORMAT_GRAY_U16 2

/** One channel, 32-bit float: 0 is black, 1 white; what lies beyond is kept. */
#define DERUST_FORMAT_GRAY_F32 3

/** Red, green, blue; 8 bits each. */
#define DERUST_FORMAT_RGB_U8 4

/** Red, green, blue; 16 bits each. */
#define DERUST_FORMAT_RGB_U16 5

/** Red, green, blue; 32-bit floats. */
#define DERUST_FORMAT_RGB_F32 6

/** Blue, green, red, as OpenCV has them; 8 bits each. */
#define DERUST_FORMAT_BGR_U8 7

/** Blue, green, red; 16 bits each. */
#define DERUST_FORMAT_BGR_U16 8

/** Blue, green, red; 32-bit floats. */
#define DERUST_FORMAT_BGR_F32 9

/** Red, green, blue, alpha; 8 bits each. */
#define DERUST_FORMAT_RGBA_U8 10

/** Red, green, blue, alpha; 16 bits each. */
#define DERUST_FORMAT_RGBA_U16 11

/** Red, green, blue, alpha; 32-bit floats. */
#define DERUST_FORMAT_RGBA_F32 12

/** Blue, green, red, alpha; 8 bits each. */
#define DERUST_FORMAT_BGRA_U8 13

/** Blue, green, red, alpha; 16 bits each. */
#define DERUST_FORMAT_BGRA_U16 14

/** Blue, green, red, alpha; 32-bit floats. */
#define DERUST_FORMAT_BGRA_F32 15

/**
 * A plane of Y, and behind it one with Cb and Cr in turn for each 2 x 2 pixels; 8 bits. This and those that follow are
 * how cameras and decoders give their frames: inputs alone, from which results are made in colours.
 */
#define DERUST_FORMAT_NV12 16

/** The same with Cr first. */
#define DERUST_FORMAT_NV21 17

/** A plane of Y, and behind it one of Cb and one of Cr for each 2 x 2 pixels; 8 bits. */
#define DERUST_FORMAT_I420 18

/** Y, Cb, Y, Cr for two pixels of a row (YUY2); 8 bits. */
#define DERUST_FORMAT_YUYV 19

/** Cb, Y, Cr, Y for two pixels of a row; 8 bits. */
#define DERUST_FORMAT_UYVY 20

/**
 * What a sensor saw behind filters that repeat every 2 x 2 pixels, here red, green / green, blue (GenICam's BayerRG, OpenCV's
 * BayerBG); 8 bits. Colours between are the mean of the nearest ones. White has to be balanced already.
 */
#define DERUST_FORMAT_BAYER_RGGB_U8 21

/** The same in 16 bits in the machine's byte order. */
#define DERUST_FORMAT_BAYER_RGGB_U16 22

/** Blue, green / green, red; 8 bits. */
#define DERUST_FORMAT_BAYER_BGGR_U8 23

/** The same in 16 bits. */
#define DERUST_FORMAT_BAYER_BGGR_U16 24

/** Green, red / blue, green; 8 bits. */
#define DERUST_FORMAT_BAYER_GRBG_U8 25

/** The same in 16 bits. */
#define DERUST_FORMAT_BAYER_GRBG_U16 26

/** Green, blue / red, green; 8 bits. */
#define DERUST_FORMAT_BAYER_GBRG_U8 27

/** The same in 16 bits. */
#define DERUST_FORMAT_BAYER_GBRG_U16 28

/** Y, Cb and Cr are those of BT.601, as webcams and JPEG have them. */
#define DERUST_MATRIX_BT601 0

/** They are those of BT.709, HD video's. */
#define DERUST_MATRIX_BT709 1

/** They are those of BT.2020 (not of constant luminance). */
#define DERUST_MATRIX_BT2020 2

/** Y goes from 16 to 235, Cb and Cr from 16 to 240, as video has them. */
#define DERUST_RANGE_LIMITED 0

/** Y, Cb and Cr go from 0 to 255, as JPEG has them. */
#define DERUST_RANGE_FULL 1

/** Values are encoded with the sRGB curve (IEC 61966-2-1), as in nearly all picture files and cameras' frames. */
#define DERUST_TRANSFER_SRGB 0

/** Values are proportional to light. */
#define DERUST_TRANSFER_LINEAR 1

/** Values are encoded with the curve of BT.709 and BT.601, as cameras' raw video is (ITU-T H.273, 1). */
#define DERUST_TRANSFER_BT709 2

/** Light is the value to the power of 2.2 (H.273, 4). */
#define DERUST_TRANSFER_GAMMA_22 3

/** Light is the value to the power of 2.8 (H.273, 5). */
#define DERUST_TRANSFER_GAMMA_28 4

/** Values are encoded with PQ (SMPTE ST 2084; H.273, 16); white is at 203 cd/m2. */
#define DERUST_TRANSFER_PQ 5

/** Values are encoded with HLG (ARIB STD-B67; H.273, 18); white is at 75 % of the signal. */
#define DERUST_TRANSFER_HLG 6

/** Red, green and blue are those of sRGB and BT.709. */
#define DERUST_PRIMARIES_BT709 0

/** They are those of Display P3 (SMPTE EG 432-1; H.273, 12). */
#define DERUST_PRIMARIES_P3 1

/** They are those of BT.2020 and BT.2100 (H.273, 9). */
#define DERUST_PRIMARIES_BT2020 2

/** Colours are independent of alpha. */
#define DERUST_ALPHA_STRAIGHT 0

/** Colours are multiplied by alpha, in the encoding in which they are stored. */
#define DERUST_ALPHA_PREMULTIPLIED 1

/** Something failed, and no call told. */
#define DERUST_LOG_ERROR 1

/** Something is not as it should be, and derust works on. */
#define DERUST_LOG_WARNING 2

/** Something that is good to know. */
#define DERUST_LOG_INFO 3

/** The first of TensorRT, CUDA and the processor that runs the network. */
#define DERUST_DEVICE_AUTOMATIC 0

/** The processor. */
#define DERUST_DEVICE_CPU 1

/** An NVIDIA GPU through CUDA. */
#define DERUST_DEVICE_CUDA 2

/** An NVIDIA GPU through TensorRT; what TensorRT does not know runs through CUDA. */
#define DERUST_DEVICE_TENSORRT 3

/** A filter: picture to picture without rust. */
#define DERUST_FILTER_DERUST 1

/** A filter: picture to where the rust is. */
#define DERUST_FILTER_SEGMENT_RUST 2

/**
 * Analyse at the scale that the network knows: larger pictures are reduced, results enlarged along the picture's
 * own edges.
 */
#define DERUST_SCALE_MODEL 0

/** Analyse at the picture's own scale. */
#define DERUST_SCALE_NATIVE 1

/** The mask limits what the network finds. */
#define DERUST_MASK_LIMIT 0

/** The mask stands in for what the network finds. */
#define DERUST_MASK_REPLACE 1

/** The fill has its own colours. */
#define DERUST_COLOUR_OWN 0

/** The fill is painted in a colour that is given. */
#define DERUST_COLOUR_GIVEN 1

/** The fill is painted in the colour of a place in the image. */
#define DERUST_COLOUR_FROM_IMAGE 2

/** Of an analysis for removal: the picture without rust. */
#define DERUST_OUTPUT_RESULT 0

/** Of an analysis for segmentation: white is rust, black is not. */
#define DERUST_OUTPUT_MASK 1

/** Of an analysis for segmentation: how likely a pixel is rust, black for 0 and white for 1. */
#define DERUST_OUTPUT_PROBABILITY 2

/** Of an analysis for segmentation: the picture with the rust coloured. */
#define DERUST_OUTPUT_OVERLAY 3

/** Nothing makes the judgement less sure. */
#define DERUST_CAUTION_NONE 0

/** The picture is dark; rust in it is easily missed. */
#define DERUST_CAUTION_DARK 1

/**
 * What a network found in a picture. It needs neither the engine nor the model any more, and any number of threads
 * may compose from it. Freed with derust_analysis_free().
 */
typedef struct derust_analysis derust_analysis;

/**
 * Stops calls from any thread. A handle may serve many calls at once, and again after a reset. Freed with
 * derust_cancel_free(), when no call uses it any more.
 */
typedef struct derust_cancel derust_cancel;

/** The devices that derust knows. Freed with derust_devices_free(). */
typedef struct derust_devices derust_devices;

/**
 * Finds rust in pictures and takes it away. One engine serves any number of threads; networks are loaded when they
 * are first needed and kept. Freed with derust_engine_free().
 */
typedef struct derust_engine derust_engine;

/** Why a call failed: a status and a text. Owned by the caller, freed with derust_error_free(). */
typedef struct derust_error derust_error;

/** The model files that an engine found, as they were when it was asked. Freed with derust_models_free(). */
typedef struct derust_models derust_models;

/**
 * What a segmentation says about a picture: the rusted area, and every connected region of rust (pixels that touch
 * at a side or a corner belong together). Freed with derust_report_free().
 */
typedef struct derust_report derust_report;

/**
 * How a call ended. Every function that can fail returns one; the numbers never change, and later versions may add
 * some.
 */
typedef int32_t derust_status;

/**
 * Given a message that would be lost otherwise: a DERUST_LOG_ level and a text of one line that is the callback's
 * until it returns. It must not throw or jump out, and must not use the engine that is calling it.
 */
typedef void (*derust_log_callback)(void *user_data, int32_t level, const char *message);

/**
 * Told when a call begins (1) and ends (0) to wait for TensorRT, which builds an engine for the network of this name;
 * that can take minutes, once for a network, GPU and version. On the thread of that call; the name, UTF-8, is the
 * callback's until it returns. It must not throw or jump out, and must not use the engine that is calling it.
 */
typedef void (*derust_building_callback)(void *user_data, const char *model, int32_t begins);

/** How an engine is set up. Texts are copied. Begin with DERUST_ENGINE_OPTIONS_INIT. */
typedef struct derust_engine_options {
    /** sizeof(derust_engine_options). */
    uint32_t struct_size;
    /** A DERUST_DEVICE_ constant. One that is named and cannot be used is an error. */
    int32_t device;
    /** Which of several such devices, as CUDA counts them; 0 is the first one. */
    uint32_t device_id;
    /** Threads that compute one network, at most 1024; 0: the processors that this process may use. */
    uint32_t threads;
    /**
     * Calls that one network serves at once, at most 1024; 0: 1. Further callers wait. Each takes memory of its
     * own; a batch works on that many pictures at a time.
     */
    uint32_t sessions;
    /** Number of model_folders. */
    uint32_t model_folder_count;
    /** Folders of models, UTF-8, searched before all others; NULL if there are none. */
    const char *const *model_folders;
    /** 1: look for models nowhere else, not even among the built-in ones. 0: search everywhere. */
    uint32_t only_these_folders;
    /**
     * Pace at which the model folders are looked at for new, changed and gone files; 0: 2000, UINT32_MAX: never, other
     * than by derust_engine_refresh().
     */
    uint32_t watch_milliseconds;
    /**
     * Path of the ONNX Runtime library, UTF-8. NULL: the one that this process uses already; else $ORT_DYLIB_PATH;
     * else the one beside libderust (onnxruntime/ in its folder, or the folder itself), beside the program, or in
     * the system's library folders. A process uses one; naming another is an error.
     */
    const char *runtime_library;
    /** Bytes that calls may use beside the caller's pictures; 0: no limit. */
    uint64_t memory_limit;
    /**
     * May be NULL. Called on the thread of the call that has something to say, or on the one that looks at the model
     * folders; not necessarily by one thread at a time.
     */
    derust_log_callback log;
    /** Handed to log. */
    void *log_user_data;
    /**
     * 1: a GPU may compute with the precision of float16, which is faster. 0: float32. The processor always computes
     * in float32.
     */
    uint32_t half_precision;
    /** 0. */
    uint32_t reserved;
    /** Bytes of a GPU's memory that ONNX Runtime may hold for each network and session; 0: no limit. */
    uint64_t gpu_memory_limit;
    /** May be NULL. Not necessarily called by one thread at a time. */
    derust_building_callback building;
    /** Handed to building. */
    void *building_user_data;
} derust_engine_options;

/** A model file. The texts belong to the list. Begin with DERUST_MODEL_INIT. */
typedef struct derust_model {
    /** sizeof(derust_model), set by the caller. */
    uint32_t struct_size;
    /** A DERUST_FILTER_ constant; 0: none of them, or the file could not be read. */
    int32_t filter;
    /** 1: it is used when a call names none. */
    uint32_t serves;
    /** 0. */
    uint32_t reserved;
    /** Its name; "" if it could not be read. */
    const char *name;
    /** Its version; "" if it could not be read. */
    const char *version;
    /** Path of the file, or "built in". */
    const char *origin;
    /** Why it does not serve; "" when it does. */
    const char *reason;
    /**
     * Where it runs: "cpu", or a GPU with its number such as "cuda:0" or "tensorrt:0". Before it was used: where it is
     * going to be tried; "" where that is not known, because ONNX Runtime cannot be loaded.
     */
    const char *device;
    /**
     * One line about where it runs: how much of the network, what runs elsewhere, and why devices that were tried are
     * not used; "" before it was used.
     */
    const char *placement;
    /** 1: it was tried out with this runtime on this device. 0: not yet, so that what is said to serve may turn out not to. */
    uint32_t tried;
    /** 0. */
    uint32_t reserved_2;
    /**
     * The SHA-256 of its content (the file and the manifest beside it) in 64 hexadecimal digits, as a call may name it
     * behind "sha256:"; "" if it could not be read.
     */
    const char *digest;
} derust_model;

/** A device. The texts belong to the list. Begin with DERUST_DEVICE_INIT. */
typedef struct derust_device {
    /** sizeof(derust_device), set by the caller. */
    uint32_t struct_size;
    /** A DERUST_DEVICE_ constant. */
    int32_t device;
    /** 1: an engine can be made for it. */
    uint32_t usable;
    /** 1: networks of this engine run there; before one was used: the first one is going to be tried there. */
    uint32_t in_use;
    /** "cpu", "cuda" or "tensorrt". */
    const char *name;
    /** Why it cannot be used; "" when it can. */
    const char *reason;
    /** Its maker's name for it; "" for the processor, and when it cannot be used. */
    const char *product;
} derust_device;

/** The ONNX Runtime that computes. Begin with DERUST_RUNTIME_INIT. */
typedef struct derust_runtime {
    /** sizeof(derust_runtime), set by the caller. */
    uint32_t struct_size;
    /** 0. */
    uint32_t reserved;
    /** Such as "1.32.0"; owned by the engine. */
    const char *version;
    /** The library file; owned by the engine. */
    const char *path;
} derust_runtime;

/**
 * Pixels in the caller's memory. The library borrows them for the call and keeps nothing; an image that is read
 * may be read by others meanwhile, the bytes from the first to the last pixel of each row of an output may not be touched.
 * Rows of images of one call may lie between one another, as those of the halves of a stereo frame do, so that one half
 * can be the result of the other.
 * Every field is checked against data_size before a byte is read. Begin with DERUST_IMAGE_INIT.
 */
typedef struct derust_image {
    /** sizeof(derust_image). */
    uint32_t struct_size;
    /** A DERUST_FORMAT_ constant: channels in the order in which they lie in memory, and the type of their values. */
    int32_t format;
    /** Start of the buffer. Pixels may lie at any address; an input is only read. */
    void *data;
    /** Bytes in the buffer. */
    uint64_t data_size;
    /** Bytes from data to the first pixel of the first row. */
    uint64_t offset;
    /** Pixels per row, at least 1. */
    uint32_t width;
    /** Rows, at least 1. */
    uint32_t height;
    /** Bytes from a row to the next; negative where the picture stands upside down in memory. */
    int64_t row_stride;
    /** Bytes from a pixel to the next; 0: pixels follow one another without gaps. */
    uint32_t pixel_stride;
    /** A DERUST_TRANSFER_ constant. */
    int32_t transfer;
    /** A DERUST_ALPHA_ constant; without meaning for formats that have no alpha. */
    int32_t alpha;
    /** Region of interest: columns left of it. What lies outside of the region is neither looked at nor changed. */
    uint32_t region_x;
    /** Rows above the region. */
    uint32_t region_y;
    /** Columns in the region; width and height 0: the whole image. */
    uint32_t region_width;
    /** Rows in the region. */
    uint32_t region_height;
    /** 0. */
    uint32_t reserved;
    /**
     * Which pixels count: gray, of the size of the region of interest, 0: not, anything else: they do. What does not count
     * is in no number of a report, is never rust and does not change. NULL: all.
     */
    const struct derust_image *region_mask;
    /** An ICC profile that says what the values mean, in place of transfer and primaries, which are 0 then; NULL: none. */
    const void *icc_profile;
    /** Its bytes. */
    uint64_t icc_profile_size;
    /**
     * The value that is white, such as 4095 for cameras that put 12 bits into 16; 0: the greatest of the format, 1 for
     * floats.
     */
    float white_level;
    /** A DERUST_PRIMARIES_ constant. */
    int32_t primaries;
    /**
     * Of formats with planes: bytes from data to the plane of Cb and Cr, behind that of Y; 0: it begins where a further row of Y
     * would. This and what follows has no meaning for other formats.
     */
    uint64_t chroma_offset;
    /**
     * Bytes from a row of that plane to the next; 0: those of Y, or half of them where Cb and Cr have planes of their own,
     * of which that of Cr follows as if it were more rows of Cb's.
     */
    uint64_t chroma_stride;
    /** A DERUST_MATRIX_ constant. */
    int32_t matrix;
    /** A DERUST_RANGE_ constant. */
    int32_t range;
} derust_image;

/**
 * Told what part of a call is done, 0 to 1, never less than before, on the thread of the call. An answer other than
 * 0 stops the call. It must not throw or jump out; it may use everything but the engine that is calling it.
 */
typedef int32_t (*derust_progress_callback)(void *user_data, float done);

/** What a call says of itself. Begin with DERUST_CALL_INFO_INIT. */
typedef struct derust_call_info {
    /** sizeof(derust_call_info), set by the caller. */
    uint32_t struct_size;
    /** A DERUST_CAUTION_ constant: what makes the judgement less sure. Later versions may add some. */
    int32_t caution;
    /**
     * Nanoseconds that the call waited for others: for a session, for memory, for a network that another call loads. This
     * and the three below are together what the call took; for an image of a batch: from when its turn came.
     */
    uint64_t wait_ns;
    /** Nanoseconds for bringing the picture to the scale at which the network works, and for judging it. */
    uint64_t reduce_ns;
    /** Nanoseconds for the networks: to try out and load them where that was not done yet, and to run them. */
    uint64_t network_ns;
    /** Nanoseconds for all the rest: alpha, fill, texture, bringing them to the picture's size, writing. */
    uint64_t compose_ns;
} derust_call_info;

/** How to look for rust. Begin with DERUST_SEGMENT_OPTIONS_INIT. */
typedef struct derust_segment_options {
    /** sizeof(derust_segment_options). */
    uint32_t struct_size;
    /** A DERUST_SCALE_ constant. */
    int32_t scale;
    /** Name of the model, UTF-8; NULL: the one that serves. */
    const char *model;
    /** Probability from which on a pixel counts as rust, above 0 and below 1; 0: the model's own. */
    float threshold;
    /** 1: the report holds the contour of every region. 0: it does not. */
    uint32_t contours;
    /** May be NULL. */
    derust_progress_callback progress;
    /** Handed to progress. */
    void *progress_user_data;
    /** Stops the call; may be NULL. */
    const derust_cancel *cancel;
    /**
     * 1: a picture that cannot be judged is looked at all the same, and what is said of it may mean nothing. 0: it is
     * refused with DERUST_ERROR_UNJUDGEABLE.
     */
    uint32_t judge_anyway;
    /**
     * Milliseconds after which the call ends with DERUST_ERROR_TIMEOUT, within one tile: from its begin on, with what it
     * waits for; 0: it has no limit. A batch has it as a whole.
     */
    uint32_t timeout_ms;
    /**
     * Gets what the call says of itself when it succeeds; may be NULL. For a batch it is the first of as many structs as
     * there are images, one behind the other and all of one size.
     */
    derust_call_info *info;
} derust_segment_options;

/** How to remove rust. Begin with DERUST_REMOVE_OPTIONS_INIT. */
typedef struct derust_remove_options {
    /** sizeof(derust_remove_options). */
    uint32_t struct_size;
    /** A DERUST_SCALE_ constant. */
    int32_t scale;
    /** Name of the model, UTF-8; NULL: the one that serves. */
    const char *model;
    /** Where to treat: gray, of the size of the image's region, white is treated; NULL: no mask. */
    const derust_image *mask;
    /** A DERUST_MASK_ constant. */
    int32_t mask_mode;
    /** How much of the rust goes, 0 to 1. */
    float strength;
    /** May be NULL. */
    derust_progress_callback progress;
    /** Handed to progress. */
    void *progress_user_data;
    /** Stops the call; may be NULL. */
    const derust_cancel *cancel;
    /** 1: the fill is left as the network made it. 0: what it lacks in texture comes from clean parts of the image. */
    uint32_t plain_fill;
    /** 0. */
    uint32_t reserved;
    /**
     * 1: a picture that cannot be judged is looked at all the same. 0: it is refused with DERUST_ERROR_UNJUDGEABLE, unless
     * a mask stands in for what the network finds.
     */
    uint32_t judge_anyway;
    /**
     * Milliseconds after which the call ends with DERUST_ERROR_TIMEOUT, within one tile: from its begin on, with what it
     * waits for; 0: it has no limit. A batch has it as a whole.
     */
    uint32_t timeout_ms;
    /**
     * Gets what the call says of itself when it succeeds; may be NULL. For a batch it is the first of as many structs as
     * there are images, one behind the other and all of one size.
     */
    derust_call_info *info;
    /** How much of the fill's shape stays, its edges, relief and shading, 0 to 1; at 0 its coarse colours are left. */
    float shape;
    /** A DERUST_COLOUR_ constant. Paint keeps the light and shadow of what it covers. */
    int32_t colour_source;
    /** For a given colour: red, green and blue, sRGB-encoded, 0 to 1. */
    float colour[3];
    /** For a colour of the image: the column of its place in the region; the mean of the pixels up to 3 away that count. */
    uint32_t colour_x;
    /** Its row. */
    uint32_t colour_y;
    /** 0. */
    uint32_t reserved_2;
} derust_remove_options;

/** What to make of an analysis. Begin with DERUST_COMPOSE_OPTIONS_INIT. */
typedef struct derust_compose_options {
    /** sizeof(derust_compose_options). */
    uint32_t struct_size;
    /** A DERUST_OUTPUT_ constant. */
    int32_t output;
    /** For the result: how much of the rust goes, 0 to 1. */
    float strength;
    /**
     * For mask and overlay: probability from which on a pixel counts as rust, above 0 and below 1; 0: that of the
     * analysis.
     */
    float threshold;
    /** For the result: the mask of the analysis or another one of its size; NULL: no mask. */
    const derust_image *mask;
    /** May be NULL. */
    derust_progress_callback progress;
    /** Handed to progress. */
    void *progress_user_data;
    /** Stops the call; may be NULL. */
    const derust_cancel *cancel;
    /** Milliseconds after which the call ends with DERUST_ERROR_TIMEOUT; 0: it has no limit. */
    uint32_t timeout_ms;
    /** 0. */
    uint32_t reserved;
    /** For the result: how much of the fill's shape stays, its edges, relief and shading, 0 to 1; at 0 its coarse colours are left. */
    float shape;
    /** A DERUST_COLOUR_ constant. Paint keeps the light and shadow of what it covers. */
    int32_t colour_source;
    /** For a given colour: red, green and blue, sRGB-encoded, 0 to 1. */
    float colour[3];
    /** For a colour of the image: the column of its place in the region; the mean of the pixels up to 3 away that count. */
    uint32_t colour_x;
    /** Its row. */
    uint32_t colour_y;
    /** 0. */
    uint32_t reserved_2;
} derust_compose_options;

/** What has become of an engine's calls. Begin with DERUST_HEALTH_INIT. */
typedef struct derust_health {
    /** sizeof(derust_health), set by the caller. */
    uint32_t struct_size;
    /** 0. */
    uint32_t reserved;
    /** Images whose analysis began since the engine was made, each of a batch. */
    uint64_t calls;
    /**
     * Those that failed, other than with DERUST_ERROR_CANCELLED or DERUST_ERROR_UNJUDGEABLE. What is refused before the
     * analysis begins, such as a wrong argument, is no call.
     */
    uint64_t failures;
    /** Calls that wait now for others: for a session, for memory, for a network that another call loads. */
    uint64_t waiting;
} derust_health;

/** The picture as a whole. Begin with DERUST_SUMMARY_INIT. */
typedef struct derust_summary {
    /** sizeof(derust_summary), set by the caller. */
    uint32_t struct_size;
    /** Degree of rusting Ri after ISO 4628-3, 0 (none) to 5. */
    uint32_t iso_4628_3;
    /** Rust grade after ASTM D610, 10 (none) to 0. */
    uint32_t astm_d610;
    /** 0. */
    uint32_t reserved;
    /** Pixels of the region of interest. */
    uint64_t pixels;
    /** Pixels of them that are rust. */
    uint64_t rust_pixels;
    /** rust_pixels / pixels, 0 to 1. */
    double fraction;
    /** Number of connected regions. */
    uint64_t region_count;
    /** Probability from which on a pixel counted as rust. */
    float threshold;
    /** 0. */
    uint32_t reserved_2;
    /** A DERUST_CAUTION_ constant: what makes the judgement less sure. */
    int32_t caution;
    /** 0. */
    uint32_t reserved_3;
} derust_summary;

/** A connected region of rust. Begin with DERUST_REGION_INIT. */
typedef struct derust_region {
    /** sizeof(derust_region), set by the caller. */
    uint32_t struct_size;
    /** Left-most column of the bounding box, counted in the image's region of interest. */
    uint32_t x;
    /** Upper-most row of the bounding box. */
    uint32_t y;
    /** Columns that it spans. */
    uint32_t width;
    /** Rows that it spans. */
    uint32_t height;
    /** Mean probability of its pixels, 0 to 1. */
    float mean_probability;
    /** Pixels that it covers. */
    uint64_t area;
} derust_region;

/** The call did what was asked. */
#define DERUST_OK 0

/**
 * An argument makes no sense: NULL where a pointer is needed, a number out of range, a wrong struct_size, an unknown
 * constant, a text that is not UTF-8.
 */
#define DERUST_ERROR_ARGUMENT 1

/** The description of an image contradicts itself or does not fit its buffer. */
#define DERUST_ERROR_IMAGE 2

/** The formats or sizes of two images of one call do not go together. */
#define DERUST_ERROR_FORMAT 3

/** An output shares memory with another image of the call in a way that cannot work. */
#define DERUST_ERROR_OVERLAP 4

/** There is no usable model of the kind or name, or a model answered nonsense. */
#define DERUST_ERROR_MODEL 5

/** ONNX Runtime is missing or unusable, or the network failed in it. */
#define DERUST_ERROR_RUNTIME 6

/** The device that was asked for cannot be used. */
#define DERUST_ERROR_DEVICE 7

/** The engine's memory limit is too small for this call, or the system or the GPU has too little memory for the network. */
#define DERUST_ERROR_MEMORY 8

/** Stopped by a callback or a cancel handle. What is in the outputs is unspecified; the engine works on. */
#define DERUST_ERROR_CANCELLED 9

/** The engine was made before a fork(); a child process makes one of its own. */
#define DERUST_ERROR_FORKED 10

/** A callback called the engine that was calling it. */
#define DERUST_ERROR_REENTERED 11

/** A bug in derust. The engine works on. */
#define DERUST_ERROR_INTERNAL 12

/**
 * The picture cannot be judged: it is gray or next to black, its numbers are not what they are said to be, or nothing in
 * it counts. That is not the same as a picture without rust. options.judge_anyway looks at it all the same.
 */
#define DERUST_ERROR_UNJUDGEABLE 13

/**
 * The time that the call was given, options.timeout_ms, is over. What is in the outputs is unspecified; the engine works
 * on.
 */
#define DERUST_ERROR_TIMEOUT 14

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/** The ABI that the library has: DERUST_ABI of the header that it was built with. */
uint32_t derust_abi_version(void);

/** The library's version, such as "0.1.0". Static. */
const char *derust_version(void);

/**
 * The name of a status, such as "DERUST_ERROR_IMAGE"; of a number that this version does not know
 * "unknown derust status". Static, never NULL.
 */
const char *derust_status_name(derust_status status);

/**
 * The status of the call that made the error; DERUST_OK for NULL.
 *
 * The caller sees to it:
 * `error` is NULL or an error of this library that was not freed.
 */
derust_status derust_error_status(const derust_error *error);

/**
 * What happened, what was expected and what came: one line of UTF-8, owned by the error. Never NULL; "" for a NULL
 * error.
 *
 * The caller sees to it:
 * `error` is NULL or an error of this library that was not freed.
 */
const char *derust_error_message(const derust_error *error);

/**
 * Frees an error; NULL is fine.
 *
 * The caller sees to it:
 * `error` is NULL or an error of this library that was not freed.
 */
void derust_error_free(derust_error *error);

/**
 * Makes an engine. Networks and ONNX Runtime are loaded when they are first needed; for a GPU that options name, ONNX
 * Runtime is loaded at once, and where the GPU cannot be used the error says why.
 *
 * The caller sees to it:
 * `options` is NULL (every default) or a description of the engine; `engine` is where the handle goes; `error` is
 * NULL or where an error goes.
 */
derust_status derust_engine_create(const derust_engine_options *options,
                                   derust_engine **engine,
                                   derust_error **error);

/**
 * Frees an engine; NULL is fine. Waits until the thread that looks at the model folders has ended what it has begun, one
 * tile at most, so that the log hears nothing of it later. Calls that other threads have begun with the engine end as
 * they would have; what it gave (analyses, reports, lists) stays. In a process that was forked after the engine was
 * made, nothing happens.
 *
 * The caller sees to it:
 * `engine` is NULL or an engine that was not freed.
 */
void derust_engine_free(derust_engine *engine);

/**
 * Looks at the model folders again. What serves better now takes over once it has been tried out; calls in flight end
 * with the models that they began with. A file that became unusable changes nothing: what was read from it before
 * serves on, and derust_engine_models() says why. Where a file is gone, the next best serves.
 *
 * The caller sees to it:
 * `engine` is NULL or an engine that was not freed; `error` is NULL or where an error goes.
 */
derust_status derust_engine_refresh(derust_engine *engine,
                                    derust_error **error);

/**
 * Lists the model files that lie in the folders now, and the built-in ones; says which ones serve, and why the
 * others do not. Nothing is tried out for it; derust_engine_warm_up() tries out what serves.
 *
 * The caller sees to it:
 * `engine` is NULL or an engine that was not freed; `models` is where the list goes; `error` is NULL or where an
 * error goes.
 */
derust_status derust_engine_models(derust_engine *engine,
                                   derust_models **models,
                                   derust_error **error);

/**
 * The number of models in a list; 0 for NULL.
 *
 * The caller sees to it:
 * `models` is NULL or a list that was not freed.
 */
uint64_t derust_models_count(const derust_models *models);

/**
 * Reads one model of a list.
 *
 * The caller sees to it:
 * `models` is NULL or a list that was not freed; `model` is NULL or a struct that says its size; `error` is NULL or
 * where an error goes.
 */
derust_status derust_models_get(const derust_models *models,
                                uint64_t index,
                                derust_model *model,
                                derust_error **error);

/**
 * Frees a list of models; NULL is fine.
 *
 * The caller sees to it:
 * `models` is NULL or a list that was not freed.
 */
void derust_models_free(derust_models *models);

/**
 * Lists the devices that derust knows, why one cannot be used, and which ones this engine uses. Loads ONNX Runtime if it
 * was not loaded yet.
 *
 * The caller sees to it:
 * `engine` is NULL or an engine that was not freed; `devices` is where the list goes; `error` is NULL or where an
 * error goes.
 */
derust_status derust_engine_devices(derust_engine *engine,
                                    derust_devices **devices,
                                    derust_error **error);

/**
 * The number of devices in a list; 0 for NULL.
 *
 * The caller sees to it:
 * `devices` is NULL or a list that was not freed.
 */
uint64_t derust_devices_count(const derust_devices *devices);

/**
 * Reads one device of a list.
 *
 * The caller sees to it:
 * `devices` is NULL or a list that was not freed; `device` is NULL or a struct that says its size; `error` is NULL
 * or where an error goes.
 */
derust_status derust_devices_get(const derust_devices *devices,
                                 uint64_t index,
                                 derust_device *device,
                                 derust_error **error);

/**
 * Frees a list of devices; NULL is fine.
 *
 * The caller sees to it:
 * `devices` is NULL or a list that was not freed.
 */
void derust_devices_free(derust_devices *devices);

/**
 * Tells which ONNX Runtime computes, and loads it if it was not loaded yet.
 *
 * The caller sees to it:
 * `engine` is NULL or an engine that was not freed; `runtime` is NULL or a struct that says its size; `error` is
 * NULL or where an error goes.
 */
derust_status derust_engine_runtime(derust_engine *engine,
                                    derust_runtime *runtime,
                                    derust_error **error);

/**
 * Makes a cancel handle.
 *
 * The caller sees to it:
 * `cancel` is where the handle goes; `error` is NULL or where an error goes.
 */
derust_status derust_cancel_create(derust_cancel **cancel, derust_error **error);

/**
 * Stops the calls that use the handle, now and until it is reset: each ends within one tile with
 * DERUST_ERROR_CANCELLED. From any thread; NULL is fine.
 *
 * The caller sees to it:
 * `cancel` is NULL or a cancel handle that was not freed.
 */
void derust_cancel_request(derust_cancel *cancel);

/**
 * Makes the handle fit for new calls. NULL is fine.
 *
 * The caller sees to it:
 * `cancel` is NULL or a cancel handle that was not freed.
 */
void derust_cancel_reset(derust_cancel *cancel);

/**
 * Frees a cancel handle that no call uses any more; NULL is fine.
 *
 * The caller sees to it:
 * `cancel` is NULL or a cancel handle that was not freed.
 */
void derust_cancel_free(derust_cancel *cancel);

/**
 * Finds the rust in an image's region of interest.
 *
 * `mask` gets white where there is rust and black elsewhere, `probability` how likely a pixel is rust, black for 0
 * and white for 1; both are gray, have the size of the image's region, and share no memory with the image or with
 * one another. `report` gets a report, freed with derust_report_free(). Each of the three may be NULL; with all of
 * them NULL the network runs, which warms it up.
 *
 * Errors: DERUST_ERROR_MODEL, _RUNTIME, _IMAGE, _FORMAT, _OVERLAP, _MEMORY, _CANCELLED, _TIMEOUT, _UNJUDGEABLE, and those of every
 * call.
 *
 * The caller sees to it:
 * `engine` is NULL or an engine that was not freed; `options` is NULL (every default) or a struct that says its
 * size; the images are NULL or describe memory of the caller; `report` is NULL or where the handle goes; `error` is
 * NULL or where an error goes.
 */
derust_status derust_segment(derust_engine *engine,
                             const derust_image *image,
                             const derust_segment_options *options,
                             const derust_image *mask,
                             const derust_image *probability,
                             derust_report **report,
                             derust_error **error);

/**
 * Removes the rust in an image's region of interest.
 *
 * `output` has the size and format of the image's region and gets the picture without rust; its pixels outside of its
 * own region stay as they are. A camera's frame gives colours in any order, with as many bits, and is never the output itself.
 * Any other image may be the output itself, described exactly alike, and else shares no memory with
 * it. Where nothing is removed, pixels are bit for bit those of the image.
 *
 * Errors: DERUST_ERROR_MODEL, _RUNTIME, _IMAGE, _FORMAT, _OVERLAP, _MEMORY, _CANCELLED, _TIMEOUT, _UNJUDGEABLE, and those of every
 * call.
 *
 * The caller sees to it:
 * `engine` is NULL or an engine that was not freed; `options` is NULL (every default) or a struct that says its
 * size; the images are NULL or describe memory of the caller; `error` is NULL or where an error goes.
 */
derust_status derust_remove(derust_engine *engine,
                            const derust_image *image,
                            const derust_remove_options *options,
                            const derust_image *output,
                            derust_error **error);

/**
 * derust_segment() for `count` images; as many are worked on at a time as the engine has sessions.
 *
 * `images` has `count` pointers. `masks`, `probabilities` and `reports` are NULL or have as many, each of which may be
 * NULL; reports are set for the images that succeeded, to NULL for the others. `statuses` is NULL or gets a status for
 * every image. One image's failure does not stop the others. No output may share memory with any other image of the
 * batch. Progress is that of the whole batch.
 *
 * The answer is the first status that is not DERUST_OK, and the error is that image's.
 *
 * The caller sees to it:
 * See derust_segment(), for every image.
 */
derust_status derust_segment_batch(derust_engine *engine,
                                   uint32_t count,
                                   const derust_image *const *images,
                                   const derust_segment_options *options,
                                   const derust_image *const *masks,
                                   const derust_image *const *probabilities,
                                   derust_report **reports,
                                   derust_status *statuses,
                                   derust_error **error);

/**
 * derust_remove() for `count` images; as many are worked on at a time as the engine has sessions.
 *
 * `images` and `outputs` have `count` pointers; an output may be its own image. options->mask serves all images.
 * `statuses` is NULL or gets a status for every image. One image's failure does not stop the others. No output may
 * share memory with any other image of the batch. Progress is that of the whole batch.
 *
 * The answer is the first status that is not DERUST_OK, and the error is that image's.
 *
 * The caller sees to it:
 * See derust_remove(), for every image.
 */
derust_status derust_remove_batch(derust_engine *engine,
                                  uint32_t count,
                                  const derust_image *const *images,
                                  const derust_remove_options *options,
                                  const derust_image *const *outputs,
                                  derust_status *statuses,
                                  derust_error **error);

/**
 * Looks for rust, for derust_compose() and derust_analysis_report().
 *
 * The caller sees to it:
 * `engine` is NULL or an engine that was not freed; `image` is NULL or describes memory of the caller; `options` is
 * NULL (every default) or a struct that says its size; `analysis` is where the handle goes; `error` is NULL or where
 * an error goes.
 */
derust_status derust_analyse_segment(derust_engine *engine,
                                     const derust_image *image,
                                     const derust_segment_options *options,
                                     derust_analysis **analysis,
                                     derust_error **error);

/**
 * Looks for rust and for what takes its place, for derust_compose(). options->strength has no meaning here.
 *
 * The caller sees to it:
 * See derust_analyse_segment().
 */
derust_status derust_analyse_remove(derust_engine *engine,
                                    const derust_image *image,
                                    const derust_remove_options *options,
                                    derust_analysis **analysis,
                                    derust_error **error);

/**
 * Makes an output of an analysis; no network runs.
 *
 * `image` is the picture that was analysed, unchanged. The result and the overlay have the size and format of the
 * image's region and may be the image itself; mask and probability are gray and share no memory with the image.
 *
 * The result is made from its first row to its last: when options->progress is told which part is done, so many of the
 * region's rows are final, and the caller may read them from then on.
 *
 * The caller sees to it:
 * `analysis` is NULL or an analysis that was not freed; the images are NULL or describe memory of the caller;
 * `options` is NULL (every default) or a struct that says its size; `error` is NULL or where an error goes.
 */
derust_status derust_compose(const derust_analysis *analysis,
                             const derust_image *image,
                             const derust_compose_options *options,
                             const derust_image *output,
                             derust_error **error);

/**
 * Makes the report of an analysis for segmentation; no network runs. Of the options, threshold, contours, progress,
 * cancel, timeout_ms and info count.
 *
 * The caller sees to it:
 * `analysis` is NULL or an analysis that was not freed; `image` is NULL or describes memory of the caller; `options`
 * is NULL (every default) or a struct that says its size; `report` is where the handle goes; `error` is NULL or where
 * an error goes.
 */
derust_status derust_analysis_report(const derust_analysis *analysis,
                                     const derust_image *image,
                                     const derust_segment_options *options,
                                     derust_report **report,
                                     derust_error **error);

/**
 * Frees an analysis; NULL is fine.
 *
 * The caller sees to it:
 * `analysis` is NULL or an analysis that was not freed.
 */
void derust_analysis_free(derust_analysis *analysis);

/**
 * What a caution means, in a line: "the picture is dark; rust in it is easily missed"; "" for DERUST_CAUTION_NONE and for
 * numbers that this version does not know. Static, never NULL.
 */
const char *derust_caution_text(int32_t caution);

/**
 * Gets ready for calls, so that the first one is as quick as those after it: loads ONNX Runtime and the network of a
 * filter, and runs it once. For DERUST_FILTER_DERUST what finds rust is made ready, too, where there is such a model.
 *
 * `filter` is a DERUST_FILTER_ constant, or 0 for both. `model` is the name of one, or NULL for the one that serves; it is
 * NULL where `filter` is 0. `timeout_ms` is that of other calls' options.
 *
 * Errors: DERUST_ERROR_MODEL, _RUNTIME, _DEVICE, _MEMORY, _TIMEOUT, and those of every call.
 *
 * The caller sees to it:
 * `engine` is NULL or an engine that was not freed; `model` is NULL or a text; `error` is NULL or where an error goes.
 */
derust_status derust_engine_warm_up(derust_engine *engine,
                                    int32_t filter,
                                    const char *model,
                                    uint32_t timeout_ms,
                                    derust_error **error);

/**
 * Tells what has become of an engine's calls. It waits for nothing and looks at no file.
 *
 * The caller sees to it:
 * `engine` is NULL or an engine that was not freed; `health` is NULL or a struct that says its size; `error` is NULL or
 * where an error goes.
 */
derust_status derust_engine_health(derust_engine *engine,
                                   derust_health *health,
                                   derust_error **error);

/**
 * Lists the networks that are in use now, as derust_engine_models() does, but without a look at any file: those that serve,
 * and those that calls have named. There is none before a call or derust_engine_warm_up() needs it.
 *
 * The caller sees to it:
 * `engine` is NULL or an engine that was not freed; `models` is where the list goes; `error` is NULL or where an
 * error goes.
 */
derust_status derust_engine_serving(derust_engine *engine,
                                    derust_models **models,
                                    derust_error **error);

/**
 * Reads what a report says about the picture as a whole.
 *
 * The caller sees to it:
 * `report` is NULL or a report that was not freed; `summary` is NULL or a struct that says its size; `error` is NULL
 * or where an error goes.
 */
derust_status derust_report_summary(const derust_report *report,
                                    derust_summary *summary,
                                    derust_error **error);

/**
 * Reads one connected region of a report; index 0 is the largest.
 *
 * The caller sees to it:
 * `report` is NULL or a report that was not freed; `region` is NULL or a struct that says its size; `error` is NULL
 * or where an error goes.
 */
derust_status derust_report_region(const derust_report *report,
                                   uint64_t index,
                                   derust_region *region,
                                   derust_error **error);

/**
 * Gives the outer border of a region: x, y, x, y, ... in the image's region of interest, `count` pairs, 8-connected,
 * clockwise as seen, every pixel of the border. `points` is owned by the report. It is there if options.contours was
 * 1 when the report was made.
 *
 * The caller sees to it:
 * `report` is NULL or a report that was not freed; `points` and `count` are NULL or where the answers go; `error` is
 * NULL or where an error goes.
 */
derust_status derust_report_contour(const derust_report *report,
                                    uint64_t index,
                                    const int32_t **points,
                                    uint64_t *count,
                                    derust_error **error);

/**
 * Frees a report; NULL is fine.
 *
 * The caller sees to it:
 * `report` is NULL or a report that was not freed.
 */
void derust_report_free(derust_report *report);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

/* Initialisers with every default: derust_image image = DERUST_IMAGE_INIT; */

#define DERUST_IMAGE_INIT { sizeof(derust_image), 0, NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, NULL, 0, 0.0f, 0, 0, 0, 0, 0 }
#define DERUST_ENGINE_OPTIONS_INIT { sizeof(derust_engine_options), 0, 0, 0, 0, 0, NULL, 0, 0, NULL, 0, NULL, NULL, 0, 0, 0, NULL, NULL }
#define DERUST_MODEL_INIT { sizeof(derust_model), 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, NULL }
#define DERUST_DEVICE_INIT { sizeof(derust_device), 0, 0, 0, NULL, NULL, NULL }
#define DERUST_RUNTIME_INIT { sizeof(derust_runtime), 0, NULL, NULL }
#define DERUST_SEGMENT_OPTIONS_INIT { sizeof(derust_segment_options), 0, NULL, 0.0f, 0, NULL, NULL, NULL, 0, 0, NULL }
#define DERUST_REMOVE_OPTIONS_INIT { sizeof(derust_remove_options), 0, NULL, NULL, 0, 1.0f, NULL, NULL, NULL, 0, 0, 0, 0, NULL, 1.0f, 0, { 0.0f, 0.0f, 0.0f }, 0, 0, 0 }
#define DERUST_COMPOSE_OPTIONS_INIT { sizeof(derust_compose_options), 0, 1.0f, 0.0f, NULL, NULL, NULL, NULL, 0, 0, 1.0f, 0, { 0.0f, 0.0f, 0.0f }, 0, 0, 0 }
#define DERUST_SUMMARY_INIT { sizeof(derust_summary), 0, 0, 0, 0, 0, 0.0, 0, 0.0f, 0, 0, 0 }
#define DERUST_REGION_INIT { sizeof(derust_region), 0, 0, 0, 0, 0.0f, 0 }
#define DERUST_HEALTH_INIT { sizeof(derust_health), 0, 0, 0, 0 }
#define DERUST_CALL_INFO_INIT { sizeof(derust_call_info), 0, 0, 0, 0, 0 }

/* A compiler that lays structs out in another way than the library is found out here. */
#if defined(__cplusplus)
#define DERUST_SAME_SIZE(type, size) static_assert(sizeof(type) == size, #type " has another layout")
#elif defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
#define DERUST_SAME_SIZE(type, size) _Static_assert(sizeof(type) == size, #type " has another layout")
#endif
#if defined(DERUST_SAME_SIZE) && UINTPTR_MAX == UINT64_MAX
DERUST_SAME_SIZE(derust_image, 136);
DERUST_SAME_SIZE(derust_engine_options, 104);
DERUST_SAME_SIZE(derust_model, 80);
DERUST_SAME_SIZE(derust_device, 40);
DERUST_SAME_SIZE(derust_runtime, 24);
DERUST_SAME_SIZE(derust_segment_options, 64);
DERUST_SAME_SIZE(derust_remove_options, 112);
DERUST_SAME_SIZE(derust_compose_options, 88);
DERUST_SAME_SIZE(derust_summary, 64);
DERUST_SAME_SIZE(derust_region, 32);
DERUST_SAME_SIZE(derust_call_info, 40);
DERUST_SAME_SIZE(derust_health, 32);
#endif
#undef DERUST_SAME_SIZE

#endif /* DERUST_H */
