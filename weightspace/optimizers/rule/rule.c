/* One step of a learned rule: averages, the 30 inputs of each weight, the perceptron. Called by compiledrule.py.

Inputs 15 to 20 are the same for all weights of a row or a column, as are 21 to 26: their share of the first layer is
computed once for each. The other 18 are made for a block of weights at a time and never stored. */

#include <math.h>

#define BLOCK 64
#define OWN 18   /* inputs that differ from weight to weight */

static const int own[OWN] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 27, 28, 29};

typedef struct {
    long entries, rows, columns;              /* of all tensors together: how far the averages lie apart */
    const float *w, *g;
    float *m, *square, *row, *column;
    const int *row_of, *column_of, *group_of; /* group: rows that are divided by their mean; -1 for none */
    const float *row_share, *column_share, *group_share;
    float *row_scratch, *column_scratch;      /* a value for each row, column and unit of the first layer */
    float *row_factor, *column_factor;        /* three for each row and column */
    double eps;
} Step;

/* kept[i] moves towards now[i] * share[i], or now[i] where there are no shares. */
static void average(float *restrict kept, const float *restrict now, const float *restrict share, long many,
                    double decay) {
    float part = 1 - decay;
    if (share)
        for (long i = 0; i < many; i++) kept[i] += part * (now[i] * share[i] - kept[i]);
    else
        for (long i = 0; i < many; i++) kept[i] += part * (now[i] - kept[i]);
}

/* Takes the gradient of a tensor into its averages. */
static void averages(const Step *s, const long *at, const long *row, const long *column, const double *decay) {
    float *rows = s->row_scratch, *columns = s->column_scratch, squared[BLOCK];
    const int *row_of = s->row_of, *column_of = s->column_of;
    for (long r = row[0]; r < row[1]; r++) rows[r] = 0;
    for (long c = column[0]; c < column[1]; c++) columns[c] = 0;
    for (long e = at[0]; e < at[1]; e += BLOCK) {
        int many = at[1] - e < BLOCK ? at[1] - e : BLOCK;
        for (int i = 0; i < many; i++) squared[i] = s->g[e + i] * s->g[e + i];
        for (int k = 0; k < 3; k++) average(s->m + k * s->entries + e, s->g + e, 0, many, decay[k]);
        average(s->square + e, squared, 0, many, decay[3]);
        for (int i = 0; i < many; i++) {
            rows[row_of[e + i]] += squared[i] + 1e-30f;
            columns[column_of[e + i]] += squared[i] + 1e-30f;
        }
    }
    for (int k = 0; k < 3; k++) {
        average(s->row + k * s->rows + row[0], rows + row[0], s->row_share + row[0], row[1] - row[0], decay[4 + k]);
        average(s->column + k * s->columns + column[0], columns + column[0], s->column_share + column[0],
                column[1] - column[0], decay[4 + k]);
    }
}

/* What scales a gradient as in Adafactor: one over the root of a column's mean, and of a row's mean over that of the
   rows beside it. */
static void adafactors(const Step *s, const long *row, const long *column, float *groups, long most) {
    float least = 1e-9 * s->eps, *factors = s->row_factor;
    for (int k = 0; k < 3; k++) {
        const float *values = s->row + k * s->rows;
        for (long i = 0; i < most; i++) groups[i] = 0;
        for (long r = row[0]; r < row[1]; r++)
            if (s->group_of[r] >= 0) groups[s->group_of[r]] += values[r] * s->group_share[r];
        for (long r = row[0]; r < row[1]; r++) {
            float over = s->group_of[r] >= 0 ? values[r] / (groups[s->group_of[r]] + least) : 1;
            factors[k * s->rows + r] = 1 / sqrtf(over > least ? over : least);
        }
        for (long c = column[0]; c < column[1]; c++) {
            float mean = s->column[k * s->columns + c];
            s->column_factor[k * s->columns + c] = 1 / sqrtf(mean > least ? mean : least);
        }
    }
}

/* The inputs of a block that differ from weight to weight. */
static void inputs(const Step *s, long from, int many, float x[restrict OWN][BLOCK]) {
    float small = 1e-6 * s->eps;
    const float *restrict g = s->g + from, *restrict w = s->w + from, *restrict square = s->square + from;
    const int *restrict row_of = s->row_of + from, *restrict column_of = s->column_of + from;
    for (int i = 0; i < many; i++) {
        float root = 1 / sqrtf(square[i] + small);
        x[0][i] = g[i];
        x[1][i] = g[i] > .1f ? .1f : g[i] < -.1f ? -.1f : g[i];
        x[2][i] = w[i];
        x[6][i] = square[i];
        x[10][i] = root;
        x[14][i] = g[i] * root;
    }
    for (int k = 0; k < 3; k++) {
        const float *restrict m = s->m + k * s->entries + from;
        const float *restrict rows = s->row_factor + k * s->rows, *restrict columns = s->column_factor + k * s->columns;
        for (int i = 0; i < many; i++) {
            float factor = rows[row_of[i]] * columns[column_of[i]];
            x[3 + k][i] = m[i];
            x[7 + k][i] = m[i] * x[10][i];
            x[11 + k][i] = g[i] * factor;
            x[15 + k][i] = m[i] * factor;
        }
    }
}

/* Sums of squares of all 30 inputs over a tensor. */
static void squares(const Step *s, const long *at, const long *row, const long *column, double sums[30]) {
    float x[OWN][BLOCK], tiny = 1e-8 * s->eps;
    for (int f = 0; f < 30; f++) sums[f] = 0;
    for (long e = at[0]; e < at[1]; e += BLOCK) {
        int many = at[1] - e < BLOCK ? at[1] - e : BLOCK;
        inputs(s, e, many, x);
        for (int f = 0; f < OWN; f++) {
            float sum = 0, lanes[16] = {0};
            int i = 0;
            for (; i + 16 <= many; i += 16)
                for (int l = 0; l < 16; l++) lanes[l] += x[f][i + l] * x[f][i + l];
            for (; i < many; i++) sum += x[f][i] * x[f][i];
            for (int l = 0; l < 16; l++) sum += lanes[l];
            sums[own[f]] += sum;
        }
    }
    for (int k = 0; k < 3; k++) {
        for (long r = row[0]; r < row[1]; r++) {
            double value = s->row[k * s->rows + r], many = 1 / s->row_share[r];
            sums[15 + k] += many * value * value;
            sums[21 + k] += many / (value + tiny);
        }
        for (long c = column[0]; c < column[1]; c++) {
            double value = s->column[k * s->columns + c], many = 1 / s->column_share[c];
            sums[18 + k] += many * value * value;
            sums[24 + k] += many / (value + tiny);
        }
    }
}

/* shares[unit * count + r]: what a row's (or column's) six inputs give to each unit of the first layer. */
static void shares(const float *values, long apart, const long *range, long count, int first, const float *matrix,
                   int units, double eps, float *out) {
    float tiny = 1e-8 * eps;
    for (int u = 0; u < units; u++)
        for (long r = range[0]; r < range[1]; r++) {
            float sum = 0;
            for (int k = 0; k < 3; k++) {
                float value = values[k * apart + r];
                sum += matrix[u * 30 + first + k] * value + matrix[u * 30 + first + 6 + k] / sqrtf(value + tiny);
            }
            out[u * count + r] = sum;
        }
}

/* How many floats of scratch `rule_step` takes. */
long rule_scratch(long rows, long columns, long most_groups, int first) {
    return (3 + (first > 1 ? first : 1)) * (rows + columns) + most_groups + 30 * first;
}

/* ranges: for each tensor where its entries, rows and columns begin, and a last one where they end.
   layers: matrix and bias of the three layers, one after the other. */
void rule_step(long tensors, const long *ranges, long most_groups, const float *w, const float *g, float *m,
               float *square, float *row, float *column, const int *row_of, const int *column_of,
               const int *group_of, const float *row_share, const float *column_share, const float *group_share,
               const double *decay, int first, int second, const float *layers, double eps, float *scratch,
               float *way) {
    long entries = ranges[3 * tensors], rows = ranges[3 * tensors + 1], columns = ranges[3 * tensors + 2];
    float *row_factor = scratch, *column_factor = row_factor + 3 * rows, *groups = column_factor + 3 * columns;
    float *row_part = groups + most_groups, *column_part = row_part + (first > 1 ? first : 1) * rows;
    float *matrix = column_part + (first > 1 ? first : 1) * columns;
    const float *b1 = layers + 30 * first, *w2 = b1 + first, *b2 = w2 + first * second, *w3 = b2 + second;
    Step s = {entries, rows, columns, w, g, m, square, row, column, row_of, column_of, group_of,
              row_share, column_share, group_share, row_part, column_part, row_factor, column_factor, eps};
    for (long t = 0; t < tensors; t++) {
        long at[2] = {ranges[3 * t], ranges[3 * t + 3]}, r[2] = {ranges[3 * t + 1], ranges[3 * t + 4]};
        long c[2] = {ranges[3 * t + 2], ranges[3 * t + 5]};
        double sums[30], total = 0;
        averages(&s, at, r, c, decay);
        adafactors(&s, r, c, groups, most_groups);
        squares(&s, at, r, c, sums);
        for (int f = 0; f < 30; f++) {
            float scale = 1 / sqrt(sums[f] / (at[1] - at[0]) + 1e-5 * eps);
            for (int u = 0; u < first; u++) matrix[u * 30 + f] = layers[u * 30 + f] * scale;
        }
        shares(row, rows, r, rows, 15, matrix, first, eps, row_part);
        shares(column, columns, c, columns, 18, matrix, first, eps, column_part);
        for (long e = at[0]; e < at[1]; e += BLOCK) {
            float x[OWN][BLOCK], hidden[BLOCK], sum2[64][BLOCK], *out = way + e;
            int many = at[1] - e < BLOCK ? at[1] - e : BLOCK;
            inputs(&s, e, many, x);
            for (int v = 0; v < second; v++)
                for (int i = 0; i < many; i++) sum2[v][i] = b2[v];
            for (int u = 0; u < first; u++) {
                const float *from_row = row_part + u * rows, *from_column = column_part + u * columns;
                for (int i = 0; i < many; i++)
                    hidden[i] = b1[u] + from_row[row_of[e + i]] + from_column[column_of[e + i]];
                for (int f = 0; f < OWN; f++) {
                    float factor = matrix[u * 30 + own[f]];
                    if (factor == 0) continue;
                    for (int i = 0; i < many; i++) hidden[i] += factor * x[f][i];
                }
                for (int v = 0; v < second; v++) {
                    float factor = w2[v * first + u];
                    for (int i = 0; i < many; i++) sum2[v][i] += factor * (hidden[i] > 0 ? hidden[i] : 0);
                }
            }
            for (int i = 0; i < many; i++) out[i] = w3[second];
            for (int v = 0; v < second; v++)
                for (int i = 0; i < many; i++) out[i] += w3[v] * (sum2[v][i] > 0 ? sum2[v][i] : 0);
            for (int i = 0; i < many; i++) total += (double)out[i] * out[i];
        }
        double size = sqrt(total / (at[1] - at[0]));
        float scale = 1 / (size > 1e-20 ? size : 1e-20);
        for (long e = at[0]; e < at[1]; e++) way[e] *= scale;
    }
}
