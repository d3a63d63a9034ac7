/* One step of Adam on the rows of a stack, in place, in one pass. Called by native_adam.py. */

#include <math.h>

/* Row r has its own lr, decay and step; decoupled decay is AdamW's. */
void adam_rows(long rows, long entries, float *restrict flat, const float *restrict grad, float *restrict mean,
               float *restrict square, const float *lr, const float *decay, const float *step, int decoupled,
               double beta1, double beta2, double eps) {
    float up1 = 1 - beta1, keep2 = beta2, up2 = 1 - beta2, small = eps;
    for (long r = 0; r < rows; r++, flat += entries, grad += entries, mean += entries, square += entries) {
        float rate = lr[r] / (1 - pow(beta1, step[r])), scale = 1 / sqrt(1 - pow(beta2, step[r]));
        float shrink = decoupled ? 1 - lr[r] * decay[r] : 1, pull = decoupled ? 0 : decay[r];
        for (long i = 0; i < entries; i++) {
            float g = grad[i] + pull * flat[i];
            mean[i] += up1 * (g - mean[i]);
            square[i] = keep2 * square[i] + up2 * g * g;
            flat[i] = shrink * flat[i] - rate * mean[i] / (sqrtf(square[i]) * scale + small);
        }
    }
}
