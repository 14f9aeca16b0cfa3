package dev.tern.format;

import com.code_intelligence.jazzer.junit.FuzzTest;
import com.code_intelligence.jazzer.mutation.annotation.NotNull;
import dev.tern.TernException;
import java.nio.ByteBuffer;

/** Any bytes as a GGUF file: header, model, tokenizer, tensors. */
class GgufFuzzTest {
  @FuzzTest
  void gguf(byte @NotNull [] bytes) {
    // 14 bytes of a key are an entry, a string, a boxed number: 20 a byte. Sixteen-fold tables and copies of a vocabulary are below that.
    Allocation.bounded(bytes.length, 64, () -> read(bytes));
  }

  static void read(byte[] bytes) {
    try (GgufFile file = GgufFile.read(ByteSource.of(bytes, "fuzz"))) {
      for (TensorInfo tensor : file.tensors().values()) {
        file.readTensor(tensor, tensor.byteSize() - 1, ByteBuffer.allocate(1));
      }
      for (String key : file.metadata().keys()) {
        file.metadata().describe(key);
      }
      model(file);
      tokenizer(file);
    } catch (TernException e) {
      // as promised
    }
  }

  private static void model(ModelFile file) {
    try {
      for (WeightRef weight : ModelSpec.from(file).weights()) {
        weight.read(file, 0, ByteBuffer.allocate(1));
      }
    } catch (TernException e) {
      // as promised; there may be a tokenizer all the same
    }
  }

  static void tokenizer(ModelFile file) {
    Tokenizer tokenizer = Tokenizer.from(file);
    int[] ids = tokenizer.encode("ab 12 \u00e9\ud83e\udd99<s>", true, true);
    tokenizer.decode(ids);
    for (int id = 0; id < Math.min(8, tokenizer.vocabSize()); id++) {
      tokenizer.bytes(id);
      tokenizer.text(id);
    }
  }
}
