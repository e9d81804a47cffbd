// SHA-1 of one short message (FIPS 180-4), which the unbalanced tree search is grown from.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace suite {

using digest = std::array<std::uint8_t, 20>;

// At most 55 bytes: they and the padding are one block.
inline digest sha1(const std::uint8_t* bytes, std::size_t size) {
  std::uint8_t block[64] = {};
  for (std::size_t i = 0; i < size; ++i) block[i] = bytes[i];
  block[size] = 0x80;
  block[62] = static_cast<std::uint8_t>(size * 8 >> 8);
  block[63] = static_cast<std::uint8_t>(size * 8);
  std::uint32_t w[80];
  for (unsigned i = 0; i < 16; ++i)
    w[i] = std::uint32_t{block[4 * i]} << 24 | std::uint32_t{block[4 * i + 1]} << 16 |
           std::uint32_t{block[4 * i + 2]} << 8 | block[4 * i + 3];
  for (unsigned i = 16; i < 80; ++i)
    w[i] = std::rotl(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
  const std::uint32_t start[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
  std::uint32_t a = start[0], b = start[1], c = start[2], d = start[3], e = start[4];
  const auto round = [&](std::uint32_t f, std::uint32_t k, std::uint32_t word) {
    const std::uint32_t next = std::rotl(a, 5) + f + e + k + word;
    e = d;
    d = c;
    c = std::rotl(b, 30);
    b = a;
    a = next;
  };
  for (unsigned i = 0; i < 20; ++i) round((b & c) | (~b & d), 0x5a827999, w[i]);
  for (unsigned i = 20; i < 40; ++i) round(b ^ c ^ d, 0x6ed9eba1, w[i]);
  for (unsigned i = 40; i < 60; ++i) round((b & c) | (b & d) | (c & d), 0x8f1bbcdc, w[i]);
  for (unsigned i = 60; i < 80; ++i) round(b ^ c ^ d, 0xca62c1d6, w[i]);
  const std::uint32_t end[5] = {start[0] + a, start[1] + b, start[2] + c, start[3] + d,
                                start[4] + e};
  digest out;
  for (unsigned i = 0; i < 20; ++i)
    out[i] = static_cast<std::uint8_t>(end[i / 4] >> (24 - 8 * (i % 4)));
  return out;
}

}  // namespace suite
