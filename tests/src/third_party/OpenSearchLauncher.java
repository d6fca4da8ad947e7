import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import org.opensearch.Version;
import org.opensearch.common.settings.Settings;
import org.opensearch.env.Environment;
import org.opensearch.node.InternalSettingsPreparer;
import org.opensearch.node.Node;
import org.opensearch.plugins.PluginInfo;

/**
 * A node of OpenSearch 2 or 3, with the plugins that are on the class path. Arguments are settings,
 * such as {@code http.port=9200}.
 */
public final class OpenSearchLauncher {
  private static final List<String> PLUGINS =
      Arrays.asList(
          "org.opensearch.transport.Netty4",
          "org.opensearch.analysis.common.CommonAnalysis",
          "org.opensearch.painless.Painless");

  /** The constructor with plugins is protected; version 2 takes classes, version 3 descriptions. */
  private static final class Server extends Node {
    @SuppressWarnings({"rawtypes", "unchecked"})
    Server(Environment environment, Collection plugins) {
      super(environment, plugins, false);
    }
  }

  public static void main(String[] arguments) throws Exception {
    Settings.Builder settings = Settings.builder();
    for (String argument : arguments) {
      String[] setting = argument.split("=", 2);
      settings.put(setting[0], setting[1]);
    }
    List<Object> plugins = new ArrayList<>();
    for (String name : PLUGINS) {
      plugins.add(
          Version.CURRENT.major < 3
              ? Class.forName(name + "Plugin")
              : described(name + "ModulePlugin"));
    }
    Environment environment =
        InternalSettingsPreparer.prepareEnvironment(settings.build(), Map.of(), null, () -> "n1");
    try {
      new Server(environment, plugins).start();
    } catch (Exception exception) {
      exception.printStackTrace();
      System.exit(1);
    }
    // Its own threads do not keep the process alive.
    Thread.currentThread().join();
  }

  private static PluginInfo described(String name) {
    return new PluginInfo(name, name, "1", Version.CURRENT, "1.8", name, null, List.of(), false);
  }
}
