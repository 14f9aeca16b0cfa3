// How a matmul is cut into independent tasks of about one size.
#pragma once

#include <algorithm>
#include <cstdint>

namespace tern::cpu {

struct Range {
  int begin, end;
};

// Parts of `each`, the last perhaps smaller, that hold n >= 0 things.
inline int parts_needed(int n, int each) { return n / each + (n % each != 0); }

// Part i of n things in n_parts.
inline Range part(int n, int n_parts, int i) { return {int(int64_t(n) * i / n_parts), int(int64_t(n) * (i + 1) / n_parts)}; }

// The same where they are taken `together` at once: only the last part may end within such a group.
inline Range part_of_groups(int n, int together, int n_parts, int i) {
  const Range groups = part(parts_needed(n, together), n_parts, i);
  return {std::min(groups.begin * together, n), std::min(groups.end * together, n)};
}

// Parts of an amount, of about each, 1 to most.
inline int parts_of(int64_t amount, int64_t each, int most) {
  return int(std::max<int64_t>(1, std::min<int64_t>(most, (amount + each / 2) / each)));
}

}  // namespace tern::cpu
