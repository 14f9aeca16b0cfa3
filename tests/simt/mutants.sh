#!/bin/sh
# Whether the emulated tests would notice: each mutant is one kernel file with one thing of its synchronisation taken out, compiled and put
# in the place of the true one; its tests must then fail.
# usage: mutants.sh SOURCE_DIR WORK_DIR OBJECTS_FILE COMPILER_AND_FLAGS...; OBJECTS_FILE: a line per object, kernels as simt/NAME.cpp.o
set -u
source=$1
work=$2
objects=$3
shift 3
mkdir -p "$work"
caught=0
failed=0

# mutant KERNEL_FILE TEST FILTER WHAT SED_PROGRAM
mutant() {
  kernel=$1 test=$2 filter=$3 what=$4 program=$5
  name=$(basename "$kernel" .cu)
  # Under the place of the true one, so that includes of the folder are found.
  sed "$program" "$source/src/main/cuda/$kernel" >"$work/$name.cu"
  if cmp -s "$work/$name.cu" "$source/src/main/cuda/$kernel"; then
    echo "BROKEN  $kernel: $what: the pattern is not in the file any more"
    failed=1
    return
  fi
  if ! $compile -I"$source/src/main/cuda/$(dirname "$kernel")" -c -x c++ "$work/$name.cu" -o "$work/$name.o" >"$work/log" 2>&1 ||
    ! $compile "$work/$name.o" $(grep -v "/simt/$name\.cpp\.o$" "$objects" | grep -v '_test\.cpp\.o$') $(grep "/$test\.cpp\.o$" "$objects") \
      -o "$work/$name.test" -lgtest -lgtest_main -lpthread -ldl >>"$work/log" 2>&1; then
    cat "$work/log"
    echo "BROKEN  $kernel: $what: the mutant does not compile"
    failed=1
    return
  fi
  for seed in 0 1 2 3; do
    SIMT_SEED=$seed timeout 600 "$work/$name.test" "--gtest_filter=$filter" --gtest_break_on_failure=0 --gtest_fail_fast >"$work/log" 2>&1
    status=$?
    if [ $status -eq 124 ]; then  # a slow machine is not a mistake found: the emulator tells deadlocks itself
      echo "BROKEN  $kernel: $what: still running after 600 s"
      failed=1
      return
    fi
    if [ $status -ne 0 ]; then
      echo "caught  $kernel: $what ($(grep -m 1 -oE 'deadlock|shared memory|arrivals|Value of: [a-z_ &]*|Failure' "$work/log" | head -n 1), SIMT_SEED=$seed)"
      caught=$((caught + 1))
      return
    fi
  done
  echo "MISSED  $kernel: $what"
  failed=1
}
compile=$*

sm90='*gemm_sm90' hopper=sm90/ternary_gemm_sm90.cu
mutant $hopper ternary_test "$sm90" "bytes expected are half of those that come" 's/barrier_expect(&ring.full\[s\], kStageBytes)/barrier_expect(\&ring.full[s], kStageBytes \/ 2)/'
mutant $hopper ternary_test "$sm90" "parity of the full barrier is flipped" 's/barrier_wait(&ring.full\[s\], tile/barrier_wait(\&ring.full[s], 1 + tile/'
mutant $hopper ternary_test "$sm90" "parity of the empty barrier is flipped" 's/(tile \/ kStages + 1) % 2/(tile \/ kStages) % 2/'
mutant $hopper ternary_test "$sm90" "nobody waits for the stage" '/barrier_wait(&ring.full/d'
mutant $hopper ternary_test "$sm90" "the stage is released before its products are made" 's/wgmma_wait<0>();//; s/if (thread == 0) barrier_arrive(&ring.empty\[s\]);/if (thread == 0) barrier_arrive(\&ring.empty[s]); wgmma_wait<1>();/'
mutant $hopper ternary_test "$sm90" "one consumer suffices to free a stage" 's/barrier_init(&ring.empty\[s\], kConsumers)/barrier_init(\&ring.empty[s], 1)/'
own='Kernels/AttentionPrefill.*/own' attention=sm90/attention_prefill_sm90.cu
mutant $attention attention_test "$own" "bytes of K expected are one panel's" 's/barrier_expect(&b.ring.k_full\[s\], S::kTileBytes)/barrier_expect(\&b.ring.k_full[s], kPanelBytes)/'
mutant $attention attention_test "$own" "nobody waits for V" '/barrier_wait(&b.ring.v_full/d'
mutant $attention attention_test "$own" "V beyond the segment is not zeroed" 's/if (key < tile.begin || key >= tile.end) reinterpret/if (false) reinterpret/'
mutant $attention attention_test "$own" "consumers do not meet after zeroing V" '/sync_threads(kVBarrier/d'
mutant $attention attention_test "$own" "scores are read before their products are done" 's/      wgmma_wait<1>();//'
dense='Dense.OnHopper*' halves=sm90/dense_halves_sm90.cu
mutant $halves dense_test "$dense" "bytes expected are the activations' alone" 's/barrier_expect(&ring.full\[s\], kStageBytes<kRows>)/barrier_expect(\&ring.full[s], kActsBytes)/'
mutant $halves dense_test "$dense" "parity of the empty barrier is flipped" 's/(n \/ kStages + 1) % 2/(n \/ kStages) % 2/'
mutant $halves dense_test "$dense" "a stage is released while its products are made" '/if (n == first) continue;/d; s/wgmma_wait<1>();.*/wgmma_wait<4>();/; s/ring.empty\[(n - 1) % kStages\]/ring.empty[n % kStages]/; /ring.empty\[(end - 1) % kStages\]/d'
mutant $halves dense_test "$dense" "sums are taken before their products are done" 's/    wgmma_wait<0>();//'
mutant ternary_gemm.cu ternary_test '*/gemm' "no barrier after the copies" 's/^    __syncthreads();.*//'
mutant ternary_gemm.cu ternary_test '*/gemm' "one copy too few is waited for" 's/cp_async_wait<kStages - 2>/cp_async_wait<kStages - 1>/'
echo "$caught mutants caught"
exit $failed
