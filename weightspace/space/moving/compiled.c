/* Entries of a tensor at other places along several axes, times a factor for each place, in one pass. */
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum {
    GROUP = 4,           /* rows that are worked on together */
    LONGEST = 4096,      /* entries of a row that are brought beside those of three others */
    SHORT_RUN = 512,     /* bytes that are moved one by one rather than as a row */
    NEAR = 1 << 12,      /* bytes of a row from which on it is copied before its runs are picked */
    CACHED = 1 << 15,    /* bytes that stay in the nearest cache */
    AHEAD = 1 << 13,     /* bytes of a row that are asked for ahead: the processor foresees only neighbours */
};

/* One axis: new place i holds old place order[i] (its own where order is 0), times factor[i] (1 where that is 0), a
   number of the entries' type. A stack has an order or factors for each net where the steps between nets aren't 0. */
struct axis {
    int64_t size, step;
    const int32_t *order;
    const void *factor;
    int64_t order_net, factor_net, is_part; /* is_part: its order leads outside of it */
};

/* Nets first to last of a stack, and of each the places low to high of the first axis. width: bytes of an entry;
   is_scaled: whether there are factors, of float or double entries; in and out may be one and the same. */
struct task {
    const char *in;
    char *out;
    const struct axis *axis;
    int64_t axes, width, is_scaled, first, last, low, high;
};

/* Four rows in another order of their columns. Entries of one column are brought side by side first, so that each
   place of the order is looked up once for the four. */
static inline void gather_4(const int32_t *restrict order, const float *factor, int64_t size, const void *const *in,
                            void *const *out, const float *by) {
    const float *a = in[0], *b = in[1], *c = in[2], *d = in[3];
    float beside[4 * LONGEST], *to[4] = {out[0], out[1], out[2], out[3]};
    int64_t i = 0;
#ifdef __SSE2__
    for (; i + 4 <= size; i += 4) {
        __m128 p = _mm_loadu_ps(a + i), q = _mm_loadu_ps(b + i), r = _mm_loadu_ps(c + i), s = _mm_loadu_ps(d + i);
        _MM_TRANSPOSE4_PS(p, q, r, s);
        _mm_storeu_ps(beside + 4 * i, p), _mm_storeu_ps(beside + 4 * i + 4, q);
        _mm_storeu_ps(beside + 4 * i + 8, r), _mm_storeu_ps(beside + 4 * i + 12, s);
    }
#endif
    for (; i < size; i++) {
        memcpy(beside + 4 * i, a + i, 4), memcpy(beside + 4 * i + 1, b + i, 4);
        memcpy(beside + 4 * i + 2, c + i, 4), memcpy(beside + 4 * i + 3, d + i, 4);
    }
    i = 0;
#ifdef __SSE2__
    for (; i + 4 <= size; i += 4) {
        __m128 p = _mm_loadu_ps(beside + 4 * order[i]), q = _mm_loadu_ps(beside + 4 * order[i + 1]);
        __m128 r = _mm_loadu_ps(beside + 4 * order[i + 2]), s = _mm_loadu_ps(beside + 4 * order[i + 3]);
        _MM_TRANSPOSE4_PS(p, q, r, s);
        if (by) {
            __m128 f = factor ? _mm_loadu_ps(factor + i) : _mm_set1_ps(1);
            p = _mm_mul_ps(p, _mm_mul_ps(f, _mm_set1_ps(by[0]))), q = _mm_mul_ps(q, _mm_mul_ps(f, _mm_set1_ps(by[1])));
            r = _mm_mul_ps(r, _mm_mul_ps(f, _mm_set1_ps(by[2]))), s = _mm_mul_ps(s, _mm_mul_ps(f, _mm_set1_ps(by[3])));
        }
        _mm_storeu_ps(to[0] + i, p), _mm_storeu_ps(to[1] + i, q);
        _mm_storeu_ps(to[2] + i, r), _mm_storeu_ps(to[3] + i, s);
    }
#endif
    for (; i < size; i++)
        for (int k = 0; k < 4; k++) {
            if (by) to[k][i] = beside[4 * order[i] + k] * ((factor ? factor[i] : 1) * by[k]);
            else memcpy(to[k] + i, beside + 4 * order[i] + k, 4);
        }
}

/* Short runs of entries in another order, each times its factor. */
#define RUNS(NAME, T, SCALED)                                                                                          \
    static inline void NAME(const int32_t *restrict order, const T *factor, int64_t size, int64_t run,                 \
                            const T *restrict in, T *restrict out, T by) {                                             \
        for (int64_t i = 0; i < size; i++, out += run) {                                                               \
            const T *from = in + (order ? order[i] : i) * run;                                                         \
            T own = SCALED ? (factor ? by * factor[i] : by) : 1;                                                       \
            for (int64_t k = 0; k < run; k++) out[k] = SCALED ? from[k] * own : from[k];                               \
        }                                                                                                              \
    }

/* One to four rows of entries, each from another place to another place, times a factor of its own. */
#define ROWS(NAME, RUN, T, SCALED)                                                                                     \
    RUNS(RUN, T, SCALED)                                                                                               \
    static void NAME(const struct axis *axis, int left, int64_t net, int rows, const void *const *in,                  \
                     void *const *out, const T *by) {                                                                  \
        const int32_t *order = axis->order ? axis->order + net * axis->order_net : 0;                                  \
        const T *factor = axis->factor ? (const T *)axis->factor + net * axis->factor_net : 0;                         \
        int64_t size = axis->size, step = axis->step, bytes = size * step * sizeof(T);                                 \
        if (left == 1 && !order && !SCALED) {                                                                          \
            for (int r = 0; r < rows; r++) memcpy(out[r], in[r], size * sizeof(T));                                    \
        } else if (left == 1 && rows == 4 && sizeof(T) == 4 && order && size <= LONGEST) {                             \
            gather_4(order, (const float *)factor, size, in, out, SCALED ? (const float *)by : 0);                     \
        } else if (left == 1) {                                                                                        \
            for (int r = 0; r < rows; r++) RUN(order, factor, size, 1, in[r], out[r], SCALED ? by[r] : 1);             \
        } else if (left == 2 && !axis[1].order && !axis[1].factor && step * sizeof(T) <= SHORT_RUN) {                  \
            for (int r = 0; r < rows; r++)                                                                             \
                if (order && !axis->is_part && bytes > NEAR && bytes <= CACHED) {                                      \
                    char near[CACHED];                                                                                 \
                    memcpy(near, in[r], bytes);                                                                        \
                    if (step == 9) RUN(order, factor, size, 9, (const T *)near, out[r], SCALED ? by[r] : 1);           \
                    else RUN(order, factor, size, step, (const T *)near, out[r], SCALED ? by[r] : 1);                  \
                } else if (step == 9) RUN(order, factor, size, 9, in[r], out[r], SCALED ? by[r] : 1); /* 3 by 3 */     \
                else RUN(order, factor, size, step, in[r], out[r], SCALED ? by[r] : 1);                                \
        } else {                                                                                                       \
            for (int r = 0; r < rows; r++)                                                                             \
                for (int64_t i = 0; i < size; i += GROUP) {                                                            \
                    const void *from[GROUP];                                                                           \
                    void *to[GROUP];                                                                                   \
                    T own[GROUP];                                                                                      \
                    int count = size - i < GROUP ? size - i : GROUP;                                                   \
                    for (int k = 0; k < count; k++) {                                                                  \
                        from[k] = (const T *)in[r] + (order ? order[i + k] : i + k) * step;                            \
                        to[k] = (T *)out[r] + (i + k) * step;                                                          \
                        own[k] = SCALED ? (factor ? by[r] * factor[i + k] : by[r]) : 1;                                \
                    }                                                                                                  \
                    for (int k = 0; k < GROUP && i + GROUP + k < size && order; k++)                                   \
                        for (int64_t b = 0; b < AHEAD && b < step * (int64_t)sizeof(T); b += 64)                       \
                            __builtin_prefetch((const char *)((const T *)in[r] + order[i + GROUP + k] * step) + b);    \
                    NAME(axis + 1, left - 1, net, count, from, to, own);                                               \
                }                                                                                                      \
        }                                                                                                              \
    }

ROWS(move_1, runs_1, uint8_t, 0)
ROWS(move_2, runs_2, uint16_t, 0)
ROWS(move_4, runs_4, uint32_t, 0)
ROWS(move_8, runs_8, uint64_t, 0)
ROWS(scale_4, scale_runs_4, float, 1)
ROWS(scale_8, scale_runs_8, double, 1)

static void rows(const struct task *task, const struct axis *axis, int left, int64_t net, int count,
                 const void *const *in, void *const *out, const double *by) {
    float short_by[GROUP];
    for (int k = 0; k < count; k++) short_by[k] = by[k];
    if (task->is_scaled && task->width == 4) scale_4(axis, left, net, count, in, out, short_by);
    else if (task->is_scaled) scale_8(axis, left, net, count, in, out, by);
    else if (task->width == 1) move_1(axis, left, net, count, in, out, 0);
    else if (task->width == 2) move_2(axis, left, net, count, in, out, 0);
    else if (task->width == 4) move_4(axis, left, net, count, in, out, 0);
    else move_8(axis, left, net, count, in, out, 0);
}

/* The places low to high of the first axis of one net, from other memory; out: where the first of them goes. */
static void act_apart(const struct task *task, int64_t net, int64_t low, int64_t high, const char *in, char *out) {
    struct axis axis[64];
    memcpy(axis, task->axis, task->axes * sizeof(struct axis));
    axis->is_part = high - low != axis->size, axis->size = high - low;
    if (axis->order) axis->order += low;
    else in += low * axis->step * task->width;
    if (axis->factor) axis->factor = (const char *)axis->factor + low * task->width;
    const void *from = in;
    void *to = out;
    rows(task, axis, task->axes, net, 1, &from, &to, (const double[]){1});
}

static int is_copied(const struct task *task) {
    return task->axes == 1 || task->axis->size * task->axis->step * task->width <= CACHED;
}

/* One net in its own memory: a small one from a copy; else row by row along the cycles of the order of the first axis,
   the first row of each cycle kept aside. */
static void act_in_place(const struct task *task, int64_t net, char *data, char *scratch) {
    const struct axis *axis = task->axis;
    int64_t size = axis->size, step = axis->step * task->width;
    if (is_copied(task)) {
        memcpy(scratch, data, size * step);
        act_apart(task, net, 0, size, scratch, data);
        return;
    }
    const int32_t *order = axis->order ? axis->order + net * axis->order_net : 0;
    char *done = scratch + step;
    memset(done, 0, size);
    for (int64_t start = 0; start < size; start++) {
        if (done[start]) continue;
        memcpy(scratch, data + start * step, step);
        int64_t place = start, next;
        int count = 0;
        const void *from[GROUP];
        void *to[GROUP];
        double own[GROUP];
        do {
            next = order ? order[place] : place;
            from[count] = next == start ? scratch : data + next * step;
            to[count] = data + place * step;
            own[count] = 1;
            int64_t at = net * axis->factor_net + place;
            if (axis->factor && task->width == 4) own[count] = ((const float *)axis->factor)[at];
            else if (axis->factor) own[count] = ((const double *)axis->factor)[at];
            done[place] = 1, place = next;
            if (++count < GROUP && next != start) continue;
            rows(task, axis + 1, task->axes - 1, net, count, from, to, own);
            count = 0;
        } while (next != start);
    }
}

/* Bytes that `act` needs beside the tensors. */
long room(long count, const struct task *task) {
    int64_t most = 1;
    for (; count--; task++) {
        int64_t row = task->axis->step * task->width, size = task->axis->size;
        int64_t own = is_copied(task) ? size * row : row + size;
        if (own > most) most = own;
    }
    return most;
}

/* Acts on the tensors one after the other. is_much: whether they don't fit into the caches. */
void act(long count, const struct task *task, long is_much, char *scratch) {
    for (; count--; task++) {
        int64_t step = task->axis->step * task->width;
        for (int64_t net = task->first; net < task->last; net++) {
            const char *in = task->in + net * task->axis->size * step;
            char *out = task->out + net * task->axis->size * step;
            if (in == out) act_in_place(task, net, out, scratch);
            else if (is_much && is_copied(task)) {
                memcpy(scratch, in, task->axis->size * step);
                act_apart(task, net, task->low, task->high, scratch, out + task->low * step);
            }
            else act_apart(task, net, task->low, task->high, in, out + task->low * step);
        }
    }
}
