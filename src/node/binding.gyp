# For node-gyp, in the package gcnotify-source that pack.cjs makes: there the
# sources of everything, ours and third_party/, lie beside this file, with
# their lists in sources.json. In the repository Meson builds the addon.
#
# The same two rules as in meson.build: everything is hidden, for Node.js
# exports copies of some of these libraries; and libuv is in thread only. Each
# layer is an archive of its own, for gyp wants base names unique in one.
{
  'variables': {
    'list': 'node -p "require(\'./sources\')[process.argv[1]].join(\' \')"',
  },
  'target_defaults': {
    'cflags': ['-fvisibility=hidden', '-ffunction-sections',
      '-fdata-sections', '-w'],
    'cflags_c': ['-std=gnu11'],
    'defines': ['_GNU_SOURCE', '_FILE_OFFSET_BITS=64'],
    'include_dirs': ['include', 'src'],
    'xcode_settings': {
      'GCC_SYMBOLS_PRIVATE_EXTERN': 'YES',
      'GCC_WARN_INHIBIT_ALL_WARNINGS': 'YES',
      'GCC_C_LANGUAGE_STANDARD': 'gnu11',
    },
    'target_conditions': [
      ['_type=="loadable_module" and OS=="linux"', {
        'ldflags': ['-Wl,--gc-sections', '-Wl,-z,relro', '-Wl,-z,now',
          '-Wl,-z,noexecstack', '-Wl,-z,text', '-Wl,-z,nodelete',
          '-static-libgcc',
          '-Wl,--version-script=<(module_root_dir)/exports.map'],
        # node-gyp links with the C++ driver; nothing here is C++.
        'libraries!': ['-lstdc++'],
      }],
      ['_type=="loadable_module" and OS=="mac"', {
        'xcode_settings': {'OTHER_LDFLAGS': ['-Wl,-dead_strip',
          '-Wl,-exported_symbols_list,<(module_root_dir)/exports.txt']},
      }],
    ],
  },
  'targets': [
    {
      'target_name': 'mbedtls',
      'type': 'static_library',
      'sources': ['<!@(<(list) mbedtls)'],
      'include_dirs+': ['third_party/mbedtls', 'third_party/mbedtls/include',
        'third_party/mbedtls/library'],
      'defines': ['MBEDTLS_CONFIG_FILE="gcn_mbedtls_config.h"',
        'GCN_MBEDTLS_X509_WRITE'],
      'all_dependent_settings': {
        'include_dirs+': ['third_party/mbedtls', 'third_party/mbedtls/include'],
        'defines': ['MBEDTLS_CONFIG_FILE="gcn_mbedtls_config.h"',
          'GCN_MBEDTLS_X509_WRITE'],
      },
    },
    {
      'target_name': 'llhttp',
      'type': 'static_library',
      'sources': ['<!@(<(list) llhttp)'],
      'include_dirs+': ['third_party/llhttp/include'],
      'all_dependent_settings': {
        'include_dirs+': ['third_party/llhttp/include'],
      },
    },
    {
      'target_name': 'wslay',
      'type': 'static_library',
      'sources': ['<!@(<(list) wslay)'],
      'include_dirs+': ['third_party/wslay/lib',
        'third_party/wslay/lib/includes'],
      'defines': ['HAVE_ARPA_INET_H=1', 'HAVE_NETINET_IN_H=1'],
      'all_dependent_settings': {
        'include_dirs+': ['third_party/wslay/lib/includes'],
      },
    },
    {
      'target_name': 'jansson',
      'type': 'static_library',
      'sources': ['<!@(<(list) jansson)'],
      'include_dirs+': ['third_party/jansson', 'third_party/jansson/src'],
      'defines': ['HAVE_CONFIG_H'],
      'all_dependent_settings': {
        'include_dirs+': ['third_party/jansson', 'third_party/jansson/src'],
      },
    },
    {
      'target_name': 'libuv',
      'type': 'static_library',
      'sources': ['<!@(<(list) libuv)'],
      'include_dirs+': ['third_party/libuv/include', 'third_party/libuv/src'],
      'defines': ['UV_EXTERN=', 'destructor=used', '_LARGEFILE_SOURCE'],
      'conditions': [['OS=="mac"', {'defines': [
        '_DARWIN_UNLIMITED_SELECT=1', '_DARWIN_USE_64_BIT_INODE=1']}]],
    },
    {
      'target_name': 'base',
      'type': 'static_library',
      'sources': ['<!@(<(list) base)'],
    },
    {
      'target_name': 'codec',
      'type': 'static_library',
      'dependencies': ['base', 'mbedtls', 'llhttp', 'wslay', 'jansson'],
      'sources': ['<!@(<(list) codec)'],
    },
    {
      'target_name': 'dialect',
      'type': 'static_library',
      'dependencies': ['codec'],
      'sources': ['<!@(<(list) dialect)'],
    },
    {
      'target_name': 'core',
      'type': 'static_library',
      'dependencies': ['base'],
      'sources': ['<!@(<(list) core)'],
    },
    {
      'target_name': 'engine',
      'type': 'static_library',
      'dependencies': ['codec', 'dialect', 'core'],
      'sources': ['<!@(<(list) engine)'],
    },
    {
      'target_name': 'loop',
      'type': 'static_library',
      'dependencies': ['engine'],
      'sources': ['<!@(<(list) loop)'],
    },
    {
      'target_name': 'client',
      'type': 'static_library',
      'dependencies': ['loop'],
      'sources': ['<!@(<(list) client)'],
    },
    {
      'target_name': 'host',
      'type': 'loadable_module',
      'dependencies': ['client'],
      'sources': ['<!@(<(list) common)', '<!@(<(list) host)'],
    },
    {
      'target_name': 'thread',
      'type': 'loadable_module',
      'dependencies': ['client', 'libuv'],
      'sources': ['<!@(<(list) common)', '<!@(<(list) thread)'],
    },
  ],
}
