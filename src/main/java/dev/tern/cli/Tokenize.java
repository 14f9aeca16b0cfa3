package dev.tern.cli;

import dev.tern.Model;
import dev.tern.format.ModelFile;
import dev.tern.format.Tokenizer;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code tern tokenize}: text to token ids, or back. */
@Command(name = "tokenize", description = {
    "Writes the token ids of a text, separated by blanks; with --decode, the text of ids.",
    "The begin-of-text token comes first if the model expects it. Files that hold a vocabulary only are fine."})
final class Tokenize implements Callable<Integer> {
  @Spec
  CommandSpec command;

  @Mixin
  ModelOptions model;

  @Parameters(arity = "0..1", paramLabel = "TEXT", description = "the text")
  String text;

  @Option(names = "--decode", paramLabel = "IDS", arity = "1..*", description = "token ids, separated by commas or blanks")
  List<String> ids;

  private final Streams io;

  Tokenize(Streams io) {
    this.io = io;
  }

  @Override
  public Integer call() {
    if ((text == null) == (ids == null)) {
      throw new ParameterException(command.commandLine(), "give either TEXT or --decode IDS");
    }
    if (model.file == null) {
      try (Model m = Model.embedded()) {
        write(m.tokenizer());
      }
    } else {
      try (ModelFile file = ModelFile.open(model.file)) {
        write(Tokenizer.from(file));
      }
    }
    return Tern.OK;
  }

  private void write(Tokenizer tokenizer) {
    if (text != null) {
      io.out().println(Text.joined(tokenizer.encode(text)));
      return;
    }
    int[] tokens = Text.ints("--decode", String.join(" ", ids));
    for (int id : tokens) {
      if (id < 0 || id >= tokenizer.vocabSize()) {
        throw new IllegalArgumentException("--decode: token " + id + " is not in 0 to " + (tokenizer.vocabSize() - 1));
      }
    }
    io.printForeign(tokenizer.decode(tokens) + "\n");
  }
}
