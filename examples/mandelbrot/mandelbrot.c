/* mandelbrot.c: draws the Mandelbrot set with all processors: the plainest parallel loop there is.

   A pixel outside of the set is done after a few steps, one inside takes all of them; so rows differ a hundredfold, and nobody
   can say beforehand how to share them out. pt_parallel_for() does not: a worker that has nothing to do takes half of what
   another has left.

   Natively and on WASI the picture becomes a PNG; in a browser the page (page/page.mjs) puts the pixels on a canvas while
   they are made. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pt.h>

#include "png.h"

enum { MOST_SIDE = 10000, MOST_THREADS = 256, MOST_STEPS = 1000000 };

static const char help[] = "Usage: mandelbrot [options]\n"
                           "Draws the Mandelbrot set.\n"
                           "  --width N, --height N  pixels, 1 to 10000 (1200 and 800)\n"
                           "  --x X, --y Y           the middle (-0.75 and 0)\n"
                           "  --zoom Z               1 shows all of it, 1000 a thousandth of its width (1)\n"
                           "  --steps N              after which a point counts as inside, 1 to 1000000 (1000)\n"
                           "  --threads N            1 to 256 (as many as there are processors)\n"
                           "  --out FILE             a PNG (mandelbrot.png); none: only says how long it took\n"
                           "  --help                 print this\n"
                           "Exit code: 0, or 2 if something is wrong, which it says on standard error.\n";

struct picture {
    uint32_t width, height, steps, threads;
    double x, y, zoom;
    const char *out;
    uint8_t *pixels; /* red, green, blue, 255 */
    uint32_t done;   /* atomic: rows */
};

static struct picture picture = {
    .width = 1200, .height = 800, .steps = 1000, .x = -0.75, .zoom = 1, .out = "mandelbrot.png"};

static bool fail(const char *what, const char *why)
{
    fprintf(stderr, "mandelbrot: %s: %s\n", what, why);
    return false;
}

/* ---- Drawing ------------------------------------------------------------------------------- */

/* How many steps until it is clear that the point is outside, with a fraction that makes colours smooth; -1: it is inside. */
static double count_steps(double cx, double cy, uint32_t most)
{
    double x = 0, y = 0;
    for (uint32_t step = 0; step < most; step++) {
        double xx = x * x, yy = y * y;
        if (xx + yy > 256)
            return step + 1 - log2(log2(xx + yy) / 2);
        y = 2 * x * y + cy;
        x = xx - yy + cx;
    }
    return -1;
}

static uint8_t shade(double phase)
{
    return (uint8_t)(127.5 + 127.5 * cos(phase));
}

static void colour(uint8_t *pixel, double steps)
{
    double phase = 0.9 * sqrt(steps + 16);
    pixel[0] = steps < 0 ? 0 : shade(phase + 2.6);
    pixel[1] = steps < 0 ? 0 : shade(phase + 3.2);
    pixel[2] = steps < 0 ? 0 : shade(phase + 4.0);
    pixel[3] = 255;
}

static void draw_rows(pt_loop *loop, uint64_t begin, uint64_t end, void *arg)
{
    struct picture *all = arg;
    double scale = 3.6 / all->zoom / all->width;
    (void)loop;
    for (uint32_t row = (uint32_t)begin; row < end; row++) {
        double cy = all->y + ((all->height - 1) / 2.0 - row) * scale;
        for (uint32_t column = 0; column < all->width; column++) {
            double cx = all->x + (column - (all->width - 1) / 2.0) * scale;
            colour(all->pixels + 4 * ((size_t)row * all->width + column), count_steps(cx, cy, all->steps));
        }
        __atomic_add_fetch(&all->done, 1, __ATOMIC_RELEASE);
    }
}

static void draw(void *arg)
{
    struct picture *all = arg;
    (void)pt_parallel_for(0, all->height, draw_rows, all, NULL); /* nothing fails or is cancelled here */
}

/* What the page asks for while it is drawn. */
const uint8_t *mandelbrot_pixels(void);
uint32_t mandelbrot_done(void);

const uint8_t *mandelbrot_pixels(void)
{
    return __atomic_load_n(&picture.pixels, __ATOMIC_ACQUIRE);
}

uint32_t mandelbrot_done(void)
{
    return __atomic_load_n(&picture.done, __ATOMIC_ACQUIRE);
}

/* ---- Options ------------------------------------------------------------------------------- */

static bool read_whole(const char *name, const char *text, uint32_t most, uint32_t *out)
{
    char *end, why[64];
    unsigned long number = strtoul(text, &end, 10);
    snprintf(why, sizeof why, "wants a whole number from 1 to %lu", (unsigned long)most);
    if (text[0] < '0' || text[0] > '9' || *end != 0 || number < 1 || number > most)
        return fail(name, why);
    *out = (uint32_t)number;
    return true;
}

static bool read_real(const char *name, const char *text, double least, double *out)
{
    char *end;
    double number = strtod(text, &end);
    if (end == text || *end != 0 || !(number >= least && number <= 1e15))
        return fail(name, least > 0 ? "wants a number above 0" : "wants a number");
    *out = number;
    return true;
}

static bool read_option(struct picture *all, const char *name, const char *value)
{
    const struct {
        const char *name;
        uint32_t most, *out;
    } wholes[] = {{"--width", MOST_SIDE, &all->width},
                  {"--height", MOST_SIDE, &all->height},
                  {"--steps", MOST_STEPS, &all->steps},
                  {"--threads", MOST_THREADS, &all->threads}};
    const struct {
        const char *name;
        double least, *out;
    } reals[] = {{"--x", -1e15, &all->x}, {"--y", -1e15, &all->y}, {"--zoom", 1e-15, &all->zoom}};
    for (size_t i = 0; i < sizeof wholes / sizeof wholes[0]; i++) {
        if (strcmp(name, wholes[i].name) == 0)
            return value == NULL ? fail(name, "wants a value")
                                 : read_whole(name, value, wholes[i].most, wholes[i].out);
    }
    for (size_t i = 0; i < sizeof reals / sizeof reals[0]; i++) {
        if (strcmp(name, reals[i].name) == 0)
            return value == NULL ? fail(name, "wants a value")
                                 : read_real(name, value, reals[i].least, reals[i].out);
    }
    if (strcmp(name, "--out") != 0)
        return fail(name, "no such option; try --help");
    all->out = value;
    return value != NULL || fail(name, "wants a value");
}

/* ---- The program --------------------------------------------------------------------------- */

static bool write_picture(const struct picture *all)
{
    errno = 0;
    FILE *file = fopen(all->out, "wb");
    if (file == NULL)
        return fail(all->out, strerror(errno));
    bool good = png_write(file, all->pixels, all->width, all->height);
    int error = errno;
    good = fclose(file) == 0 && good;
    return good || fail(all->out, error == 0 ? "cannot be written" : strerror(error));
}

static bool run(struct picture *all)
{
    uint8_t *pixels = calloc((size_t)all->width * all->height, 4);
    if (pixels == NULL)
        return fail("start", "out of memory; ask for a smaller picture");
    __atomic_store_n(&all->pixels, pixels, __ATOMIC_RELEASE);

    pt_pool *pool;
    pt_status status = pt_pool_create(&pool, &(pt_pool_config){.size = all->threads, .name = "drawing"});
    if (status != PT_OK)
        return fail("start", pt_strerror(status));
    pt_time begin = pt_now();
    status = pt_pool_run(pool, draw, all);
    double seconds = (double)(pt_now() - begin) / (double)PT_SECOND;
    (void)pt_pool_destroy(pool);
    if (status != PT_OK)
        return fail("draw", pt_strerror(status));
    if (strcmp(all->out, "none") != 0 && !write_picture(all))
        return false;
    printf("width=%u height=%u ms=%.1f pixels_per_second=%.0f\n", (unsigned)all->width, (unsigned)all->height,
           seconds * 1e3, all->width * (double)all->height / seconds);
    return true;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i += 2) {
        if (strcmp(argv[i], "--help") == 0)
            return fputs(help, stdout) < 0 ? 2 : 0;
        if (!read_option(&picture, argv[i], i + 1 < argc ? argv[i + 1] : NULL))
            return 2;
    }
    return run(&picture) ? 0 : 2; /* the pixels stay, for the page to show */
}
