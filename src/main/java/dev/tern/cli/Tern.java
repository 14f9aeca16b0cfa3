package dev.tern.cli;

import dev.tern.Model;
import dev.tern.TernException;
import dev.tern.vendor.Peers;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.NoSuchFileException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ScopeType;

/**
 * The command-line tool. Exit status: 0 done, 1 it failed (one line on standard error says why), 2 bad use, 130 interrupted. If the
 * reader of its output goes away, it ends quietly with 0.
 */
@Command(name = "tern", description = "Runs language models on the JVM with native kernels.", synopsisSubcommandLabel = "COMMAND")
public final class Tern {
  static final int OK = 0;
  static final int FAILED = 1;
  static final int BAD_USE = 2;
  private static final int MAX_MESSAGE = 4000;
  static final int INTERRUPTED = 130;

  private static final Set<String> COMPUTING = Set.of("generate", "chat", "info", "logits", "ppl", "bench", "validate");

  @Option(names = "--debug", scope = ScopeType.INHERIT, description = "show the stack trace of a failure")
  boolean debug;

  @Option(names = {"-h", "--help"}, usageHelp = true, scope = ScopeType.INHERIT, description = "show this help")
  boolean help;

  @Option(names = "--version", versionHelp = true, description = "show the version")
  boolean version;

  private Tern() {}

  public static void main(String[] args) {
    if (args.length > 0 && COMPUTING.contains(args[0])) {
      // Loading the native library takes 0.1 s, as does reading the command line: both at once.
      Thread loader = new Thread(Tern::loadNative, "tern-load");
      loader.setDaemon(true);
      loader.start();
    }
    System.exit(run(args, Streams.standard()));
  }

  private static void loadNative() {
    try {
      Model.nativeBytes();
    } catch (TernException e) {
      // The command that needs the library will meet this again, and say so.
    }
  }

  /** Runs one command line; the exit status. */
  static int run(String[] args, Streams io) {
    Tern tern = new Tern();
    CommandLine commands = new CommandLine(tern);
    Map<String, Supplier<Object>> all = commands(io);
    if (args.length > 0 && all.containsKey(args[0])) {
      all.keySet().retainAll(List.of(args[0])); // reading the annotations of all commands takes 40 ms
    }
    all.forEach((name, command) -> commands.addSubcommand(name, command.get()));
    commands.setExpandAtFiles(false); // arguments are taken as they are
    StringWriter help = new StringWriter();
    commands.setOut(new PrintWriter(help));
    commands.getCommandSpec().versionProvider(() -> new String[] {versionLine()});
    commands.setParameterExceptionHandler((e, given) -> {
      io.err().println("tern: " + e.getMessage());
      io.err().println("Try: " + e.getCommandLine().getCommandSpec().qualifiedName() + " --help");
      return BAD_USE;
    });
    commands.setExecutionExceptionHandler((e, command, parsed) -> {
      if (e instanceof Output.ClosedOutputException) {
        return OK;
      }
      if (tern.debug) {
        StringWriter trace = new StringWriter();
        e.printStackTrace(new PrintWriter(trace, true));
        io.err().print(Text.visible(trace.toString()));
      } else {
        io.err().println("tern: " + Text.plain(describe(e), MAX_MESSAGE)); // it may quote a file
      }
      return e instanceof IllegalArgumentException ? BAD_USE : FAILED;
    });
    int status;
    try {
      status = commands.execute(args);
    } catch (OutOfMemoryError e) {
      io.err().println("tern: out of memory in Java: " + e.getMessage() + " (a larger heap: TERN_JAVA_OPTS=-Xmx4g)");
      return FAILED;
    }
    try {
      io.out().print(help.toString());
    } catch (Output.ClosedOutputException e) {
      return OK;
    } catch (UncheckedIOException e) {
      io.err().println("tern: " + describe(e));
      return FAILED;
    }
    return status;
  }

  private static Map<String, Supplier<Object>> commands(Streams io) {
    Map<String, Supplier<Object>> all = new LinkedHashMap<>();
    all.put("generate", () -> new Generate(io));
    all.put("chat", () -> new ChatCommand(io));
    all.put("info", () -> new Info(io));
    all.put("inspect", () -> new Inspect(io));
    all.put("convert", () -> new Convert(io));
    all.put("tokenize", () -> new Tokenize(io));
    all.put("logits", () -> new Logits(io));
    all.put("ppl", () -> new Perplexity(io));
    all.put("make-model", () -> new MakeModel(io));
    all.put("validate", () -> new Validate(io));
    all.put("report", ReportCommand::new);
    all.put("bench", () -> new CommandLine(new Bench()).addSubcommand(new BenchKernel(io, Peers::of)).addSubcommand(new BenchCompare(io))
        .addSubcommand(new BenchModel(io)).addSubcommand(new BenchSpeed(io)).addSubcommand(new BenchEndless(io)));
    return all;
  }

  private static String describe(Exception e) {
    if (e instanceof TernException || e instanceof IllegalArgumentException) {
      return e.getMessage();
    }
    if (e instanceof NoSuchFileException file) {
      return file.getFile() + ": no such file";
    }
    if (e instanceof UncheckedIOException) {
      return e.getMessage();
    }
    if (e instanceof IOException) {
      return e.toString();
    }
    return "a bug in Tern: " + e + " (--debug shows where)";
  }

  private static String versionLine() {
    return "tern " + version();
  }

  /** "0.1.0". */
  static String version() {
    try (InputStream in = Tern.class.getResourceAsStream("version.txt")) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8).strip();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
