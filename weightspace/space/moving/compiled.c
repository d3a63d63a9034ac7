/* Entries of a tensor at other places along several axes, times a factor for each place, in one pass. */
#include <stdint.h>
#include <string.h>

/* One axis: new place i holds old place order[i] (its own where order is 0), times factor[i] (1 where that is 0), a
   number of the entries' type. A stack has an order or factors for each net where the steps between nets aren't 0. */
struct axis {
    int64_t size, step;
    const int32_t *order;
    const void *factor;
    int64_t order_net, factor_net;
};

/* The functions below get the row that is read next, too, and ask for it while they work: the processor foresees only
   what is read one after the other. */
#define PICK(NAME, T)                                                                                                  \
    static void NAME(const int32_t *restrict order, int64_t low, int64_t high, const T *restrict in, const T *next,    \
                     T *restrict out) {                                                                                \
        int64_t i = low;                                                                                               \
        for (; i + 8 <= high; i += 8) {                                                                                \
            __builtin_prefetch(next + i);                                                                              \
            T a = in[order[i]], b = in[order[i + 1]], c = in[order[i + 2]], d = in[order[i + 3]];                      \
            T e = in[order[i + 4]], f = in[order[i + 5]], g = in[order[i + 6]], h = in[order[i + 7]];                  \
            out[i] = a, out[i + 1] = b, out[i + 2] = c, out[i + 3] = d;                                                \
            out[i + 4] = e, out[i + 5] = f, out[i + 6] = g, out[i + 7] = h;                                            \
        }                                                                                                              \
        for (; i < high; i++) out[i] = in[order[i]];                                                                   \
    }

PICK(pick_1, uint8_t)
PICK(pick_2, uint16_t)
PICK(pick_4, uint32_t)
PICK(pick_8, uint64_t)

/* Short runs of entries in another order. Each is copied in whole blocks of 16 or 64 bytes; what is too much at its end
   is written over by the next run, and the last ones, where there is none, are copied to the byte. */
static void copy_runs(const int32_t *restrict order, int64_t size, int64_t low, int64_t high, int64_t bytes,
                      const char *restrict in, const char *next, char *restrict out) {
    if (bytes == 36) { /* kernels of 3 by 3 */
        for (int64_t i = low; i < high; i++) {
            __builtin_prefetch(next + i * 36);
            memcpy(out + i * 36, in + order[i] * 36L, 36);
        }
        return;
    }
    int64_t block = bytes <= 16 ? 16 : 64, whole = (bytes + block - 1) / block * block;
    const char *in_end = in + size * bytes - whole;
    char *out_end = out + high * bytes - whole;
    for (int64_t i = low; i < high; i++) {
        const char *from = in + order[i] * bytes;
        char *to = out + i * bytes;
        if (from > in_end || to > out_end) memcpy(to, from, bytes);
        else if (block == 16) memcpy(to, from, 16);
        else for (int64_t k = 0; k < bytes; k += 64) memcpy(to + k, from + k, 64);
        for (int64_t k = 0; k < bytes; k += 64) __builtin_prefetch(next + i * bytes + k);
    }
}

#define MOVE(NAME, PICK, T)                                                                                            \
    static void NAME(const struct axis *axis, int left, int64_t net, int64_t low, int64_t high, const T *in,           \
                     const T *next, T *out) {                                                                          \
        const int32_t *order = axis->order ? axis->order + net * axis->order_net : 0;                                  \
        int64_t step = axis->step;                                                                                     \
        if (!order && left == 1) memcpy(out + low, in + low, (high - low) * sizeof(T));                                \
        else if (left == 1) PICK(order, low, high, in, next, out);                                                     \
        else if (order && left == 2 && !axis[1].order && step * sizeof(T) <= 512)                                      \
            copy_runs(order, axis->size, low, high, step * sizeof(T), (const char *)in, (const char *)next,            \
                      (char *)out);                                                                                    \
        else for (int64_t i = low; i < high; i++) {                                                                    \
            int64_t after = i + 1 < high ? i + 1 : i;                                                                  \
            NAME(axis + 1, left - 1, net, 0, axis[1].size, in + (order ? order[i] : i) * step,                         \
                 in + (order ? order[after] : after) * step, out + i * step);                                          \
        }                                                                                                              \
    }

MOVE(move_1, pick_1, uint8_t)
MOVE(move_2, pick_2, uint16_t)
MOVE(move_4, pick_4, uint32_t)
MOVE(move_8, pick_8, uint64_t)

/* A row that was moved, times one factor and one for each entry. */
#define SCALE(NAME, MOVED, T)                                                                                          \
    static void NAME(const struct axis *axis, int left, int64_t net, int64_t low, int64_t high, const T *in,           \
                     const T *next, T *out, T so_far) {                                                                \
        const int32_t *order = axis->order ? axis->order + net * axis->order_net : 0;                                  \
        const T *factor = axis->factor ? (const T *)axis->factor + net * axis->factor_net : 0;                         \
        int64_t step = axis->step;                                                                                     \
        if (left == 1 && factor && !order) {                                                                           \
            for (int64_t i = low; i < high; i++) out[i] = in[i] * (so_far * factor[i]);                                \
        } else if (left == 1 || (left == 2 && step <= 64 && !axis[1].order && !axis[1].factor)) {                      \
            MOVED(axis, left, net, low, high, (const void *)in, (const void *)next, (void *)out);                      \
            for (int64_t i = low; i < high; i++) {                                                                     \
                T own = factor ? so_far * factor[i] : so_far, *to = out + i * step;                                    \
                for (int64_t k = 0; k < step; k++) to[k] *= own;                                                       \
            }                                                                                                          \
        } else for (int64_t i = low; i < high; i++) {                                                                  \
            int64_t after = i + 1 < high ? i + 1 : i;                                                                  \
            NAME(axis + 1, left - 1, net, 0, axis[1].size, in + (order ? order[i] : i) * step,                         \
                 in + (order ? order[after] : after) * step, out + i * step, factor ? so_far * factor[i] : so_far);    \
        }                                                                                                              \
    }

SCALE(scale_4, move_4, float)
SCALE(scale_8, move_8, double)

/* Acts on nets first to last of a stack, and of each on the places low to high of the first axis.
   width: bytes of an entry; is_scaled: whether there are factors, of float or double entries. */
void act(long width, long is_scaled, long axes, const struct axis *axis, long first, long last, long low, long high,
         const char *in, char *out) {
    int64_t numel = axis->size * axis->step;
    for (long net = first; net < last; net++) {
        const void *from = in + net * numel * width;
        void *to = out + net * numel * width;
        if (is_scaled && width == 4) scale_4(axis, axes, net, low, high, from, from, to, 1);
        else if (is_scaled) scale_8(axis, axes, net, low, high, from, from, to, 1);
        else if (width == 1) move_1(axis, axes, net, low, high, from, from, to);
        else if (width == 2) move_2(axis, axes, net, low, high, from, from, to);
        else if (width == 4) move_4(axis, axes, net, low, high, from, from, to);
        else move_8(axis, axes, net, low, high, from, from, to);
    }
}
