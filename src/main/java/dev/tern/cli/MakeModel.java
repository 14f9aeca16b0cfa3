package dev.tern.cli;

import dev.tern.format.ModelShape;
import dev.tern.format.RandomModel;
import dev.tern.format.TensorType;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code tern make-model}: a GGUF file in the shape of a known model with random weights, to measure and to test with. */
@Command(name = "make-model", description = {
    "Writes a GGUF model of a known shape with random weights: it runs as fast as the real one, and writes gibberish.",
    "Equal options give equal files."})
final class MakeModel implements Callable<Integer> {
  static final class Shapes extends ArrayList<String> {
    private static final long serialVersionUID = 1L;

    Shapes() {
      super(ModelShape.ALL.stream().map(ModelShape::name).toList());
    }
  }

  @Option(names = "--shape", paramLabel = "SHAPE", required = true, completionCandidates = Shapes.class,
      description = "one of ${COMPLETION-CANDIDATES}")
  String shape;

  @Option(names = "--type", paramLabel = "TYPE", defaultValue = "tq2_0",
      description = "of the layers' matrices: f32, f16, bf16, q8_0, q4_0, tq1_0, tq2_0, i2_s, q2_0, iq1_bn or iq2_bn; default ${DEFAULT-VALUE}")
  String type;

  @Option(names = "--embedding-type", paramLabel = "TYPE", defaultValue = "q8_0",
      description = "of the embedding and the head: f32, f16, bf16, q8_0, q6_k or q4_0; default ${DEFAULT-VALUE}")
  String embeddingType;

  @Option(names = "--arch", paramLabel = "NAME",
      description = "architecture named in the file: bitnet is how llama.cpp calls all of the family; default: the shape's own")
  String arch;

  @Option(names = "--out", paramLabel = "FILE", required = true, description = "the file to write")
  Path out;

  @Option(names = "--seed", paramLabel = "S", defaultValue = "1", description = "of the weights; default ${DEFAULT-VALUE}")
  long seed;

  private final Streams io;

  MakeModel(Streams io) {
    this.io = io;
  }

  @Override
  public Integer call() {
    ModelShape of = ModelShape.of(shape);
    RandomModel model = new RandomModel(of).type(typeOf("--type", type)).embeddingType(typeOf("--embedding-type", embeddingType)).seed(seed);
    if (arch != null) {
      model.arch(arch);
    }
    Interrupt.during(() -> model.write(out));
    io.err().println(out + ": " + of.name() + ", " + Text.bytes(model.size()));
    return Tern.OK;
  }

  static TensorType typeOf(String option, String name) {
    List<TensorType> types = List.of(TensorType.values());
    return types.stream()
        .filter(t -> t.name().equalsIgnoreCase(name))
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException(option + " " + name + ": it must be one of "
            + String.join(", ", types.stream().map(t -> t.name().toLowerCase(Locale.ROOT)).toList())));
  }
}
