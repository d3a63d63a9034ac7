/* Mean squared error of a stack of SIRENs on shared points, and its gradient. Called by native_siren.py.

   Net by net, and within a net a strip of points at a time, forwards and backwards, so that all of it stays in the
   fastest cache. Activations lie as [point][neuron]: neurons are the lanes of vectors, padded with zeros to whole ones.
   Forward, backward and weight gradient are then one kind of product, whose left factor is read number by number.
   The vectors are those of GCC and Clang, as wide as the processor's. */

#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__)
#define LANES 16
#define ROWS 8
#elif defined(__AVX__)
#define LANES 8
#define ROWS 4
#else
#define LANES 4
#define ROWS 4
#endif
#define STRIP 32 /* points; a multiple of ROWS, and what native_siren.py pads the points to */
#define MOST_LAYERS 32

typedef float vec __attribute__((vector_size(4 * LANES)));
typedef int32_t ints __attribute__((vector_size(4 * LANES)));
typedef float quad __attribute__((vector_size(16), may_alias));
#define INLINE static inline __attribute__((always_inline))

typedef struct {
    long in, out, stride, wide_in, wide_out;                /* stride: floats from point to point of the input */
    float w0;                                               /* is folded into weights and bias */
    vec *forth, *back, *bias, *grad, *sums;                 /* [in][out], [out][in], [out], [in][out], [out] */
    vec *hidden, *cosine, *error;                           /* [STRIP][out] */
} Layer;

/* Absolute errors below 1e-7 for |z| up to 1e4 or so: z = n pi + r with pi in three parts, the first two of so few bits
   that their products with n are exact, then least-maximum polynomials on [-pi/2, pi/2]. */
INLINE void sine_cosine(vec z, vec *sine, vec *cosine) {
    vec shifted = z * 0.318309886f + 12582912.0f; /* 1.5 * 2^23: the integer part lands in the last bits */
    vec n = shifted - 12582912.0f;
    ints sign = (ints)shifted << 31;
    vec r = ((z - n * 3.140625f) - n * 0.000967741013f) + n * 8.74227766e-8f;
    vec q = r * r;
    vec s = ((q * 2.60005481e-6f - 0.000198066147f) * q + 0.00833301712f) * q - 0.166666567f;
    vec c = (((q * -2.6077106e-7f + 2.47618864e-5f) * q - 0.00138884038f) * q + 0.0416666418f) * q - 0.5f;
    *sine = (vec)((ints)(r + r * q * s) ^ sign);
    *cosine = (vec)((ints)(1.0f + q * c) ^ sign);
}

INLINE float total(vec v) {
    const quad *part = (const quad *)&v;
    quad sum = part[0];
    for (int i = 1; i < LANES / 4; i++) sum += part[i];
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

INLINE void block(const int rows, const int columns, long depth, const float *a, long row, long step, const vec *b,
                  long width, const vec *start, long start_row, vec *c) {
    vec sum[ROWS][2];
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < columns; v++) sum[r][v] = start ? start[r * start_row + v] : (vec){0};
    for (long d = 0; d < depth; d++)
        for (int r = 0; r < rows; r++)
            for (int v = 0; v < columns; v++) sum[r][v] += a[r * row + d * step] * b[d * width + v];
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < columns; v++) c[r * width + v] = sum[r][v];
}

/* c[r][v] = start[r][v] + sum_d a[r * row + d * step] b[d][v], with c and b `width` vectors wide. */
static void product(long rows, long depth, const float *a, long row, long step, const vec *b, long width,
                    const vec *start, long start_row, vec *c) {
    for (long r = 0; r < rows; r += rows - r >= ROWS ? ROWS : 1) {
        int whole = rows - r >= ROWS;
        for (long v = 0; v < width; v += 2) {
            int both = v + 2 <= width;
            const float *x = a + r * row;
            const vec *s = start ? start + r * start_row + v : 0;
            vec *y = c + r * width + v;
            if (whole && both) block(ROWS, 2, depth, x, row, step, b + v, width, s, start_row, y);
            else if (whole) block(ROWS, 1, depth, x, row, step, b + v, width, s, start_row, y);
            else if (both) block(1, 2, depth, x, row, step, b + v, width, s, start_row, y);
            else block(1, 1, depth, x, row, step, b + v, width, s, start_row, y);
        }
    }
}

/* Lays the layers out in memory and returns how many vectors they take. */
static long place(long layers, const long *widths, const float *w0, vec *memory, Layer *layer) {
    vec *next = memory;
    for (long l = 0; l < layers; l++) {
        Layer *a = layer + l;
        a->in = widths[l], a->out = widths[l + 1], a->w0 = w0[l];
        a->wide_in = (a->in + LANES - 1) / LANES, a->wide_out = (a->out + LANES - 1) / LANES;
        a->stride = l ? a->wide_in * LANES : a->in;
        a->forth = next, a->back = a->forth + a->in * a->wide_out, a->bias = a->back + a->out * a->wide_in;
        a->grad = a->bias + a->wide_out, a->sums = a->grad + a->in * a->wide_out, a->hidden = a->sums + a->wide_out;
        a->cosine = a->hidden + STRIP * a->wide_out, a->error = a->cosine + STRIP * a->wide_out;
        next = a->error + STRIP * a->wide_out;
    }
    return next - memory;
}

static void read_weights(Layer *a, const float *weights, float shift) {
    float *forth = (float *)a->forth, *back = (float *)a->back, *bias = (float *)a->bias;
    memset(a->forth, 0, (char *)a->hidden - (char *)a->forth);
    for (long i = 0; i < a->out; i++) {
        for (long j = 0; j < a->in; j++) {
            float w = weights[i * a->in + j] * a->w0;
            forth[j * a->wide_out * LANES + i] = back[i * a->wide_in * LANES + j] = w;
        }
        bias[i] = weights[a->in * a->out + i] * a->w0 + shift;
    }
}

static void write_gradient(const Layer *a, float scale, float *grad) {
    for (long i = 0; i < a->out; i++) {
        for (long j = 0; j < a->in; j++) grad[i * a->in + j] = scale * ((float *)a->grad)[j * a->wide_out * LANES + i];
        grad[a->in * a->out + i] = scale * ((float *)a->sums)[i];
    }
}

static void forwards(const Layer *a, const float *in) {
    product(STRIP, a->in, in, a->stride, 1, a->forth, a->wide_out, a->bias, 0, a->hidden);
    for (long i = 0; i < STRIP * a->wide_out; i++) sine_cosine(a->hidden[i], a->hidden + i, a->cosine + i);
}

/* The last layer: output minus target, at the `left` points that exist; returns the sum of squares. */
static float compare(const Layer *a, const vec *in, const float *targets, long points, long left) {
    float loss = 0;
    for (long c = 0; c < a->out; c++)
        for (long p = 0; p < STRIP; p++) {
            vec sum = {0};
            for (long v = 0; v < a->wide_in; v++) sum += in[p * a->wide_in + v] * a->back[c * a->wide_in + v];
            float error = p < left ? total(sum) + ((float *)a->bias)[c] - targets[c * points + p] : 0.0f;
            ((float *)a->error)[p * a->wide_out * LANES + c] = error;
            ((float *)a->sums)[c] += error;
            loss += error * error;
        }
    return loss;
}

/* Adds to the gradient of layer `a`, and sends its error back to the layer `b` before it, if there is one. */
static void backwards(const Layer *a, const float *in, const Layer *b) {
    product(a->in, STRIP, in, 1, a->stride, a->error, a->wide_out, a->grad, a->wide_out, a->grad);
    if (!b) return;
    product(STRIP, a->out, (float *)a->error, a->wide_out * LANES, 1, a->back, a->wide_in, 0, 0, b->error);
    for (long p = 0; p < STRIP; p++)
        for (long v = 0; v < b->wide_out; v++) {
            b->error[p * b->wide_out + v] *= b->cosine[p * b->wide_out + v];
            b->sums[v] += b->error[p * b->wide_out + v];
        }
}

/* Bytes of memory that siren_stack needs; 0 for more layers than it takes. */
long siren_memory(long layers, const long *widths, const float *w0) {
    Layer layer[MOST_LAYERS];
    return layers > MOST_LAYERS ? 0 : place(layers, widths, w0, 0, layer) * (long)sizeof(vec);
}

/* flat, grad: [nets][parameters], weights before bias, layer by layer; targets: [nets][channels][points];
   coordinates: [points, padded to STRIP][axes]; losses: [nets]. Without grad only the losses. */
void siren_stack(long nets, long points, long layers, const long *widths, const float *w0, float shift,
                 const float *coordinates, const float *flat, const float *targets, float *grad, float *losses,
                 vec *memory) {
    Layer layer[MOST_LAYERS], *last = layer + layers - 1;
    place(layers, widths, w0, memory, layer);
    for (long net = 0; net < nets; net++, targets += last->out * points) {
        double loss = 0;
        for (long l = 0; l < layers; flat += (layer[l].in + 1) * layer[l].out, l++)
            read_weights(layer + l, flat, l + 1 == layers ? shift : 0.0f);
        for (long p = 0; p < points; p += STRIP) {
            const float *x = coordinates + p * layer[0].in;
            for (long l = 0; l + 1 < layers; l++) forwards(layer + l, l ? (float *)layer[l - 1].hidden : x);
            loss += compare(last, last[-1].hidden, targets + p, points, points - p);
            for (long l = grad ? layers - 1 : -1; l >= 0; l--)
                backwards(layer + l, l ? (float *)layer[l - 1].hidden : x, l ? layer + l - 1 : 0);
        }
        losses[net] = loss / (last->out * points);
        for (long l = 0; grad && l < layers; grad += (layer[l].in + 1) * layer[l].out, l++)
            write_gradient(layer + l, 2 * layer[l].w0 / (last->out * points), grad);
    }
}
