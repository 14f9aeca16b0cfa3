// The loops of an object file that multiply or look up, and which of their vectors go through the stack. Read from objdump's text.
//
// A loop is what lies between a backward jump and its target, the head, and on a way from the head to the jump. It is innermost if no
// other begins behind its head and ends within it; only those are looked at. It is hot if one in ten of its instructions is of kHot. A slot is a place at a fixed distance from the stack pointer (or from %rbp
// where that is the frame's); a register goes through it whole: stored and loaded at one width, 16 bytes or more, or a mask.
//   round trip: a load of a slot that the loop stores to;
//   reload: a load of a slot that the function stores to, but not the loop: a value made before it that found no register.
// Not seen: parts of a loop that lie elsewhere (where the compiler puts what it thinks cold), slots reached through other registers or with an
// index (arrays), scalars and general registers. An array whose elements are stored and loaded at fixed places looks like slots.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <regex>
#include <set>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace spills {

struct Loop {
  std::string function;
  uint64_t head = 0;
  int n_instructions = 0, n_hot = 0, n_round_trips = 0, n_reloads = 0;
};

struct Instruction {
  uint64_t address;
  std::string text;
};

struct Access {
  std::string slot;
  int bytes;
  bool store;
  bool operator<(const Access& o) const { return std::tie(slot, bytes) < std::tie(o.slot, o.bytes); }
};

inline bool is_hot(const std::string& text) {
  static const char* const kHot[] = {"vfmadd", "vfnmadd", "vfmsub", "vpdp", "tdpb", "tileload", "vpmadd", "vpmull", "vperm", "vpshufb"};
  return std::any_of(std::begin(kHot), std::end(kHot), [&](const char* name) { return text.rfind(name, 0) == 0; });
}

// Whether the instruction moves a whole register from or to a slot.
inline bool find_access(const std::string& text, bool frame_pointer, Access* access) {
  static const std::regex slot("(?:-?0x[0-9a-f]+)?\\(%r([sb])p\\)"), part("^v(mov(ss|sd|d|q|[lh]p[sd])|p?broad\\w*|cvt\\w*|pmov[sz]x\\w*|pinsr\\w*|p?extr\\w*)\\s");
  std::smatch at;
  if ((text[0] != 'v' && text.rfind("kmov", 0) != 0) || !std::regex_search(text, at, slot)) return false;
  if (at[1] == "b" && !frame_pointer) return false;
  const std::string behind = at.suffix();
  if (std::regex_search(text, part) || behind.rfind("{1to", 0) == 0) return false;
  const bool mask = text[0] == 'k';
  const int bytes = mask ? 8 : text.find("%zmm") != text.npos ? 64 : text.find("%ymm") != text.npos ? 32 : 16;
  *access = {at.str(), bytes, behind.empty() || behind.rfind("{%k", 0) == 0};
  return true;
}

// Where an instruction may go next: its jump's target, if it is one of this function, and whether the next instruction follows.
struct Flow {
  int target = -1;
  bool falls_through = true;
};

inline std::vector<Flow> flow_of(const std::vector<Instruction>& code) {
  static const std::regex jump("^j\\w+\\s+([0-9a-f]+) <");
  std::vector<Flow> flow(code.size());
  for (size_t i = 0; i < code.size(); i++) {
    const std::string& text = code[i].text;
    flow[i].falls_through = text.rfind("jmp", 0) != 0 && text.rfind("ret", 0) != 0 && text.rfind("ud2", 0) != 0;
    std::smatch to;
    if (text[0] != 'j' || !std::regex_search(text, to, jump)) continue;
    const uint64_t address = std::stoull(to[1], nullptr, 16);
    const auto at = std::lower_bound(code.begin(), code.end(), address, [](const Instruction& a, uint64_t b) { return a.address < b; });
    if (at != code.end() && at->address == address) flow[i].target = static_cast<int>(at - code.begin());
  }
  return flow;
}

// The instructions of [head, end] on a way from head to end within it; none if there is no such way.
inline std::vector<int> body_of(const std::vector<Flow>& flow, int head, int end) {
  const size_t n = static_cast<size_t>(end - head + 1);
  std::vector<char> from(n, 0), to(n, 0);
  from[0] = to[n - 1] = 1;
  for (bool more = true; more;) {
    more = false;
    for (int i = head; i <= end; i++) {
      const auto visit = [&](int next) {
        if (next < head || next > end) return;
        char &reached = from[static_cast<size_t>(next - head)], &reaches = to[static_cast<size_t>(i - head)];
        if (from[static_cast<size_t>(i - head)] && !reached) reached = more = true;
        if (to[static_cast<size_t>(next - head)] && !reaches) reaches = more = true;
      };
      const Flow& f = flow[static_cast<size_t>(i)];
      if (f.falls_through) visit(i + 1);
      if (f.target >= 0) visit(f.target);
    }
  }
  std::vector<int> body;
  if (!from[n - 1]) return body;
  for (size_t i = 0; i < n; i++)
    if (from[i] && to[i]) body.push_back(head + static_cast<int>(i));
  return body;
}

inline void add_loops(const std::string& function, const std::vector<Instruction>& code, std::vector<Loop>* loops) {
  const std::vector<Flow> flow = flow_of(code);
  const bool frame_pointer = std::any_of(code.begin(), code.end(), [](const Instruction& i) {
    return i.text.rfind("mov ", 0) == 0 && i.text.find("%rsp,%rbp") != i.text.npos;
  });
  std::vector<std::pair<int, Access>> accesses;
  std::set<Access> stored;
  std::map<int, int> ends;  // of the longest loop of each head
  for (int i = 0; i < static_cast<int>(code.size()); i++) {
    Access access;
    const std::string& text = code[static_cast<size_t>(i)].text;
    if (text.find("(%r") != text.npos && find_access(text, frame_pointer, &access)) {
      accesses.push_back({i, access});
      if (access.store) stored.insert(access);
    }
    const int head = flow[static_cast<size_t>(i)].target;
    if (head >= 0 && head <= i && !body_of(flow, head, i).empty()) ends[head] = i;
  }
  for (const auto& [head, end] : ends) {
    const int last = end;
    if (std::any_of(ends.upper_bound(head), ends.end(), [&](const auto& other) { return other.second <= last; })) continue;
    const std::vector<int> body = body_of(flow, head, end);
    Loop loop{function, code[static_cast<size_t>(head)].address};
    loop.n_instructions = static_cast<int>(body.size());
    for (int i : body) loop.n_hot += is_hot(code[static_cast<size_t>(i)].text);
    if (loop.n_hot * 10 < loop.n_instructions) continue;
    std::set<Access> stored_here;
    for (int pass = 0; pass < 2; pass++)
      for (const auto& [i, access] : accesses) {
        if (!std::binary_search(body.begin(), body.end(), i)) continue;
        if (pass == 0 && access.store) stored_here.insert(access);
        if (pass == 0 || access.store) continue;
        if (stored_here.count(access)) loop.n_round_trips++;
        else if (stored.count(access)) loop.n_reloads++;
      }
    loops->push_back(loop);
  }
}

inline std::vector<Loop> hot_loops(const std::string& objdump, const std::string& object) {
  FILE* pipe = popen(("'" + objdump + "' -d -C --no-show-raw-insn -M att '" + object + "'").c_str(), "r");
  if (!pipe) throw std::runtime_error("cannot run " + objdump);
  std::vector<Loop> loops;
  std::vector<Instruction> code;
  std::string function;
  char* line = nullptr;
  size_t size = 0;
  for (ssize_t n; (n = getline(&line, &size, pipe)) > 0;) {
    std::string text(line, static_cast<size_t>(n));
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
    const size_t name = text.find('<'), tab = text.find(":\t");
    if (!text.empty() && text[0] != ' ' && name != text.npos && text.back() == ':') {
      if (!code.empty()) add_loops(function, code, &loops);
      code.clear();
      function = text.substr(name + 1, text.size() - name - 3);
    } else if (!text.empty() && text[0] == ' ' && tab != text.npos) {
      std::string instruction = text.substr(tab + 2, text.find('#', tab) - tab - 2);
      while (!instruction.empty() && instruction.back() == ' ') instruction.pop_back();
      if (!instruction.empty()) code.push_back({std::strtoull(text.c_str(), nullptr, 16), instruction});
    }
  }
  std::free(line);
  if (!code.empty()) add_loops(function, code, &loops);
  if (pclose(pipe) != 0) throw std::runtime_error(objdump + " cannot read " + object);
  return loops;
}

}  // namespace spills
