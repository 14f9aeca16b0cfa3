package dev.tern.cli;

import dev.tern.format.GgufWriter;
import dev.tern.format.ModelFile;
import dev.tern.format.ModelSpec;
import dev.tern.format.RetypedModel;
import dev.tern.format.RoundedModel;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code tern convert}: any model that is read, as one GGUF file. */
@Command(name = "convert", description = {
    "Writes a model as one GGUF file: a Hugging Face directory, or a GGUF model, whole or split.",
    "Weights keep their values: packed ternary weights become TQ2_0; BF16 masters of a ternary model are made ternary, as in training.",
    "Only --embedding-type rounds: a BF16 head is most of what a ternary model reads for a token."})
final class Convert implements Callable<Integer> {
  @Parameters(paramLabel = "MODEL", description = "a directory or a file")
  Path model;

  @Option(names = "--out", paramLabel = "FILE", required = true, description = "the file to write")
  Path out;

  @Option(names = "--type", paramLabel = "TYPE",
      description = "of the layers' matrices, which must be ternary: tq1_0, tq2_0, i2_s, q2_0, iq1_bn, iq2_bn, f32, f16 or bf16; default: as they are")
  String type;

  @Option(names = "--embedding-type", paramLabel = "TYPE",
      description = "round the embedding and the head, which must be floats, to q8_0, q6_k or q4_0; default: as they are")
  String embeddingType;

  private final Streams io;

  Convert(Streams io) {
    this.io = io;
  }

  @Override
  public Integer call() {
    Progress progress = new Progress(io, "writing");
    try (ModelFile file = ModelFile.open(model)) {
      ModelSpec spec = ModelSpec.from(file); // what would be refused is not written
      ModelFile retyped = type == null ? file : new RetypedModel(file, MakeModel.typeOf("--type", type));
      ModelFile rounded = embeddingType == null ? retyped : new RoundedModel(retyped, MakeModel.typeOf("--embedding-type", embeddingType));
      GgufWriter writer = new GgufWriter().copy(rounded);
      long size = writer.size();
      Interrupt.during(() -> writer.write(out, written -> {
        if (io.errIsTerminal()) {
          progress.at(written, size, Text.bytes(size));
        }
      }));
      progress.clear();
      io.err().println(out + ": " + Text.plain(spec.name(), 80) + ", " + Text.bytes(size));
    } finally {
      progress.clear();
    }
    return Tern.OK;
  }
}
