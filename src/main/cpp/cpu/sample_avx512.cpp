#include "cpu/sample_scan.h"

namespace tern::cpu {

const SampleScan kSampleScanAvx512 = {Scan<16>::maxima, Scan<16>::masses};

}  // namespace tern::cpu
