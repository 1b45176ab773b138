// The first and only process of the emulated machine of avx512.sh: runs /test with the options of /options (one a line,
// NAME=VALUE into the environment) on the serial line, and ends with a line "EXIT code".
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

int main(void) {
    mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
    mount("proc", "/proc", "proc", 0, NULL);
    mount("tmpfs", "/tmp", "tmpfs", 0, NULL);
    const int line = open("/dev/ttyS0", O_RDWR | O_NOCTTY);
    for (int stream = 0; stream < 3; ++stream) dup2(line, stream);

    char* arguments[64] = {"/test"};
    int count = 1;
    char text[512];
    FILE* const options = fopen("/options", "r");
    while (options && count < 63 && fgets(text, sizeof text, options)) {
        text[strcspn(text, "\n")] = 0;
        if (text[0] == '-')
            arguments[count++] = strdup(text);
        else
            putenv(strdup(text));
    }

    int status = 0;
    if (chdir("/tmp") != 0) return 1;
    const pid_t child = fork();
    if (child == 0) {
        execv(arguments[0], arguments);
        perror(arguments[0]);
        _exit(126);
    }
    waitpid(child, &status, 0);
    printf("EXIT %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    fflush(stdout);
    tcdrain(1);
    for (;;) pause();
}
