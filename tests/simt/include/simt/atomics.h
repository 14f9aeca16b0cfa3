// Atomic operations and loads and stores that name a cache.
#pragma once

#include "block.h"

namespace simt {

template <class T, class F>
T update(T* p, F f) {
  T old;
  __atomic_load(p, &old, __ATOMIC_RELAXED);
  for (;;) {
    T now = f(old);
    if (__atomic_compare_exchange(p, &old, &now, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) break;
  }
  block().note_progress();
  return old;
}
template <class T>
struct Plain {
  using type = T;
};

}  // namespace simt

template <class T>
T atomicAdd(T* p, typename simt::Plain<T>::type x) {
  return simt::update(p, [&](T old) { return static_cast<T>(old + x); });
}
template <class T>
T atomicSub(T* p, typename simt::Plain<T>::type x) {
  return simt::update(p, [&](T old) { return static_cast<T>(old - x); });
}
template <class T>
T atomicMax(T* p, typename simt::Plain<T>::type x) {
  return simt::update(p, [&](T old) { return old < x ? x : old; });
}
template <class T>
T atomicMin(T* p, typename simt::Plain<T>::type x) {
  return simt::update(p, [&](T old) { return x < old ? x : old; });
}
template <class T>
T atomicExch(T* p, typename simt::Plain<T>::type x) {
  return simt::update(p, [&](T) { return x; });
}
template <class T>
T atomicAnd(T* p, typename simt::Plain<T>::type x) {
  return simt::update(p, [&](T old) { return old & x; });
}
template <class T>
T atomicOr(T* p, typename simt::Plain<T>::type x) {
  return simt::update(p, [&](T old) { return old | x; });
}
template <class T>
T atomicXor(T* p, typename simt::Plain<T>::type x) {
  return simt::update(p, [&](T old) { return old ^ x; });
}
template <class T>
T atomicCAS(T* p, typename simt::Plain<T>::type expected, typename simt::Plain<T>::type x) {
  __atomic_compare_exchange(p, &expected, &x, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
  simt::block().note_progress();
  return expected;
}
inline unsigned atomicInc(unsigned* p, unsigned limit) {
  return simt::update(p, [&](unsigned old) { return old >= limit ? 0 : old + 1; });
}
inline unsigned atomicDec(unsigned* p, unsigned limit) {
  return simt::update(p, [&](unsigned old) { return old == 0 || old > limit ? limit : old - 1; });
}

inline void __threadfence() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
inline void __threadfence_block() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
inline void __threadfence_system() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

#define SIMT_LOAD(name) \
  template <class T>    \
  T name(const T* p) {  \
    return *p;          \
  }
SIMT_LOAD(__ldg)
SIMT_LOAD(__ldca)
SIMT_LOAD(__ldcg)
SIMT_LOAD(__ldcs)
SIMT_LOAD(__ldlu)
SIMT_LOAD(__ldcv)
#undef SIMT_LOAD
#define SIMT_STORE(name)                                 \
  template <class T>                                     \
  void name(T* p, typename simt::Plain<T>::type value) { \
    *p = value;                                          \
  }
SIMT_STORE(__stwb)
SIMT_STORE(__stcg)
SIMT_STORE(__stcs)
SIMT_STORE(__stwt)
#undef SIMT_STORE
