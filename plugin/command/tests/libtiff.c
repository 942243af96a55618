/* Writes TIFF files of many kinds with libtiff, and what libtiff makes of each beside it.
 *
 * Usage: libtiff FOLDER WIDTH HEIGHT < pixels
 * Standard input: red, green and blue of every pixel, a byte each. For every kind FOLDER/KIND.tif comes to be, and
 * FOLDER/KIND.rgba: red, green, blue and alpha as TIFFReadRGBAImage gives them, from the top left. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tiffio.h>

static const char *folder;
static uint32_t width, height;
static unsigned char *picture;

static void fail(const char *what) {
    fprintf(stderr, "libtiff: %s\n", what);
    exit(1);
}

static void *room(size_t bytes) {
    void *memory = calloc(1, bytes);
    if (!memory) fail("no memory");
    return memory;
}

struct kind {
    const char *name;
    int photometric, compression, tiled, predictor, bits, horizontal, vertical, planar;
};

/* The pixel at (x, y), or the nearest one. */
static const unsigned char *pixel(uint32_t x, uint32_t y) {
    if (x >= width) x = width - 1;
    if (y >= height) y = height - 1;
    return picture + 3 * ((size_t)y * width + x);
}

static unsigned char byte(float value) { return value < 0 ? 0 : value > 255 ? 255 : (unsigned char)(value + 0.5f); }

static void ycbcr(const unsigned char *rgb, float out[3]) {
    out[0] = 0.299f * rgb[0] + 0.587f * rgb[1] + 0.114f * rgb[2];
    out[1] = 128 + (rgb[2] - out[0]) * 127 / (255 * (1 - 0.114f));
    out[2] = 128 + (rgb[0] - out[0]) * 127 / (255 * (1 - 0.299f));
}

/* The channels of a rectangle, as a file of this kind stores them; returns their bytes. */
static size_t fill(const struct kind *kind, uint32_t left, uint32_t top, uint32_t columns, uint32_t rows, int plane,
                   unsigned char *out) {
    unsigned char *start = out;
    if (kind->photometric == PHOTOMETRIC_YCBCR && kind->compression != COMPRESSION_JPEG) {
        for (uint32_t y = top; y < top + rows; y += kind->vertical)
            for (uint32_t x = left; x < left + columns; x += kind->horizontal) {
                float sum[3] = {0, 0, 0}, one[3];
                for (int dy = 0; dy < kind->vertical; dy++)
                    for (int dx = 0; dx < kind->horizontal; dx++) {
                        ycbcr(pixel(x + dx, y + dy), one);
                        for (int c = 0; c < 3; c++) sum[c] += one[c];
                        *out++ = byte(one[0]);
                    }
                for (int c = 1; c < 3; c++) *out++ = byte(sum[c] / (kind->vertical * kind->horizontal));
            }
        return out - start;
    }
    for (uint32_t y = top; y < top + rows; y++)
        for (uint32_t x = left; x < left + columns; x++) {
            const unsigned char *rgb = pixel(x, y);
            unsigned char values[4] = {rgb[0], rgb[1], rgb[2], 0};
            int count = 3;
            switch (kind->photometric) {
            case PHOTOMETRIC_MINISBLACK: values[0] = rgb[1]; count = 1; break;
            case PHOTOMETRIC_MINISWHITE: values[0] = 255 - rgb[1]; count = 1; break;
            case PHOTOMETRIC_PALETTE: values[0] = rgb[1] / 2; count = 1; break;
            case PHOTOMETRIC_SEPARATED:
                for (int c = 0; c < 3; c++) values[c] = 255 - rgb[c];
                values[3] = x % 64;
                count = 4;
                break;
            }
            for (int c = plane < 0 ? 0 : plane; c < (plane < 0 ? count : plane + 1); c++) {
                if (kind->bits == 16) {
                    uint16_t wide = values[c] * 257;
                    memcpy(out, &wide, 2);
                    out += 2;
                } else {
                    *out++ = values[c];
                }
            }
        }
    return out - start;
}

static void write_file(const struct kind *kind, const char *path) {
    TIFF *tiff = TIFFOpen(path, "w");
    if (!tiff) fail(path);
    int samples = kind->photometric == PHOTOMETRIC_SEPARATED ? 4
                  : kind->photometric == PHOTOMETRIC_RGB || kind->photometric == PHOTOMETRIC_YCBCR ? 3 : 1;
    /* No multiple of the picture's sides, but of every block's. */
    uint32_t tile = 32, strip = 16;
    TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, width);
    TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, height);
    TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, kind->bits);
    TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, samples);
    TIFFSetField(tiff, TIFFTAG_COMPRESSION, kind->compression);
    TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, kind->photometric);
    TIFFSetField(tiff, TIFFTAG_PLANARCONFIG, kind->planar);
    if (kind->predictor) TIFFSetField(tiff, TIFFTAG_PREDICTOR, kind->predictor);
    if (kind->tiled) {
        TIFFSetField(tiff, TIFFTAG_TILEWIDTH, tile);
        TIFFSetField(tiff, TIFFTAG_TILELENGTH, tile);
    } else {
        TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, strip);
    }
    if (kind->photometric == PHOTOMETRIC_YCBCR) {
        float reference[6] = {0, 255, 128, 255, 128, 255};
        TIFFSetField(tiff, TIFFTAG_YCBCRSUBSAMPLING, kind->horizontal, kind->vertical);
        TIFFSetField(tiff, TIFFTAG_REFERENCEBLACKWHITE, reference);
    }
    if (kind->photometric == PHOTOMETRIC_PALETTE) {
        uint16_t colours[3][256];
        for (int i = 0; i < 256; i++) {
            colours[0][i] = i * 257;
            colours[1][i] = (255 - i) * 257;
            colours[2][i] = (i * 7 % 256) * 257;
        }
        TIFFSetField(tiff, TIFFTAG_COLORMAP, colours[0], colours[1], colours[2]);
    }
    if (kind->compression == COMPRESSION_JPEG) {
        TIFFSetField(tiff, TIFFTAG_JPEGQUALITY, 95);
        if (kind->photometric == PHOTOMETRIC_YCBCR) TIFFSetField(tiff, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
    }
    unsigned char *buffer = room((size_t)(width + 64) * 64 * 8);
    for (int plane = kind->planar == PLANARCONFIG_SEPARATE ? 0 : -1; plane < samples; plane++) {
        for (uint32_t top = 0; top < height; top += kind->tiled ? tile : strip) {
            if (kind->tiled) {
                for (uint32_t left = 0; left < width; left += tile) {
                    size_t bytes = fill(kind, left, top, tile, tile, plane, buffer);
                    ttile_t number = TIFFComputeTile(tiff, left, top, 0, plane < 0 ? 0 : plane);
                    if (TIFFWriteEncodedTile(tiff, number, buffer, bytes) < 0) fail(kind->name);
                }
            } else {
                uint32_t rows = height - top < strip ? height - top : strip;
                size_t bytes = fill(kind, 0, top, width, rows, plane, buffer);
                tstrip_t number = TIFFComputeStrip(tiff, top, plane < 0 ? 0 : plane);
                if (TIFFWriteEncodedStrip(tiff, number, buffer, bytes) < 0) fail(kind->name);
            }
        }
        if (plane < 0) break;
    }
    free(buffer);
    TIFFClose(tiff);
}

static void read_file(const char *path, const char *target) {
    TIFF *tiff = TIFFOpen(path, "r");
    uint32_t *raster = room((size_t)width * height * 4);
    if (!tiff || !TIFFReadRGBAImageOriented(tiff, width, height, raster, ORIENTATION_TOPLEFT, 1)) fail(path);
    FILE *file = fopen(target, "wb");
    if (!file) fail(target);
    for (size_t i = 0; i < (size_t)width * height; i++) {
        unsigned char rgba[4] = {TIFFGetR(raster[i]), TIFFGetG(raster[i]), TIFFGetB(raster[i]), TIFFGetA(raster[i])};
        fwrite(rgba, 1, 4, file);
    }
    if (fclose(file)) fail(target);
    free(raster);
    TIFFClose(tiff);
}

int main(int count, char **arguments) {
    if (count != 4) fail("FOLDER WIDTH HEIGHT are needed");
    folder = arguments[1];
    width = atoi(arguments[2]);
    height = atoi(arguments[3]);
    picture = room((size_t)width * height * 3);
    if (fread(picture, 3, (size_t)width * height, stdin) != (size_t)width * height) fail("too few pixels");
    const struct { const char *name; int number; } codecs[] = {{"none", COMPRESSION_NONE}, {"lzw", COMPRESSION_LZW},
        {"deflate", COMPRESSION_ADOBE_DEFLATE}, {"packbits", COMPRESSION_PACKBITS}, {"jpeg", COMPRESSION_JPEG}};
    const struct { const char *name; int number, horizontal, vertical, planar; } photometrics[] = {
        {"rgb", PHOTOMETRIC_RGB, 1, 1, PLANARCONFIG_CONTIG}, {"planes", PHOTOMETRIC_RGB, 1, 1, PLANARCONFIG_SEPARATE},
        {"gray", PHOTOMETRIC_MINISBLACK, 1, 1, PLANARCONFIG_CONTIG},
        {"negative", PHOTOMETRIC_MINISWHITE, 1, 1, PLANARCONFIG_CONTIG},
        {"palette", PHOTOMETRIC_PALETTE, 1, 1, PLANARCONFIG_CONTIG},
        {"cmyk", PHOTOMETRIC_SEPARATED, 1, 1, PLANARCONFIG_CONTIG},
        {"inks", PHOTOMETRIC_SEPARATED, 1, 1, PLANARCONFIG_SEPARATE},
        {"ycbcr11", PHOTOMETRIC_YCBCR, 1, 1, PLANARCONFIG_CONTIG}, {"ycbcr21", PHOTOMETRIC_YCBCR, 2, 1, PLANARCONFIG_CONTIG},
        {"ycbcr22", PHOTOMETRIC_YCBCR, 2, 2, PLANARCONFIG_CONTIG}, {"ycbcr41", PHOTOMETRIC_YCBCR, 4, 1, PLANARCONFIG_CONTIG}};
    for (size_t p = 0; p < sizeof photometrics / sizeof *photometrics; p++)
        for (size_t c = 0; c < sizeof codecs / sizeof *codecs; c++)
            for (int tiled = 0; tiled < 2; tiled++)
                for (int bits = 8; bits <= 16; bits += 8)
                    for (int predictor = 0; predictor <= 2; predictor += 2) {
                        int number = photometrics[p].number, codec = codecs[c].number;
                        int predicts = codec == COMPRESSION_LZW || codec == COMPRESSION_ADOBE_DEFLATE;
                        int only_bytes = number == PHOTOMETRIC_YCBCR || number == PHOTOMETRIC_PALETTE || number == PHOTOMETRIC_SEPARATED
                            || codec == COMPRESSION_JPEG;
                        if ((predictor && (!predicts || only_bytes)) || (bits == 16 && only_bytes)) continue;
                        if (codec == COMPRESSION_JPEG && (number == PHOTOMETRIC_PALETTE || number == PHOTOMETRIC_SEPARATED
                            || number == PHOTOMETRIC_MINISWHITE || photometrics[p].horizontal == 4)) continue;
                        char name[100], path[1000], target[1000];
                        snprintf(name, sizeof name, "%s-%s-%s-%d%s", photometrics[p].name, codecs[c].name,
                                 tiled ? "tiles" : "strips", bits, predictor ? "-predicted" : "");
                        snprintf(path, sizeof path, "%s/%s.tif", folder, name);
                        snprintf(target, sizeof target, "%s/%s.rgba", folder, name);
                        struct kind kind = {name, number, codec, tiled, predictor, bits, photometrics[p].horizontal,
                                            photometrics[p].vertical, photometrics[p].planar};
                        write_file(&kind, path);
                        read_file(path, target);
                    }
    return 0;
}
