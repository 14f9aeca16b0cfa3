#include "cpu/sample_scan.h"

namespace tern::cpu {

const SampleScan kSampleScanAvx2 = {Scan<8>::maxima, Scan<8>::masses};

}  // namespace tern::cpu
