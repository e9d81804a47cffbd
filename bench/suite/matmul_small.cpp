#include "programs.hpp"

namespace suite {

void multiply_small(const int* a, const int* b, int* c, int n, int stride) {
  for (int i = 0; i < n; ++i)
    for (int k = 0; k < n; ++k)
      for (int j = 0; j < n; ++j) c[i * stride + j] += a[i * stride + k] * b[k * stride + j];
}

}  // namespace suite
