/* A driver with two cards, for what driver.py does with the answers. Built twice: as libcuda.so.1 and, with
 * -DNVDEC, as libnvcuvid.so.1. The structure is written down here again, so that its layout is checked. */
#include <stdlib.h>
#include <string.h>

static int setting(const char *name, int usual) {
    const char *text = getenv(name);
    return text ? atoi(text) : usual;
}

#ifndef NVDEC
int cuInit(unsigned flags) { (void)flags; return setting("FAKE_INIT", 0); }
int cuDriverGetVersion(int *version) { *version = 13020; return 0; }
int cuDeviceGetCount(int *count) { *count = setting("FAKE_COUNT", 2); return 0; }
int cuDeviceGet(int *device, int ordinal) { *device = 40 + ordinal; return 0; }
int cuDeviceGetName(char *name, int size, int device) {
    strncpy(name, device == 40 ? "First Card" : "Second Card", (size_t)size);
    return 0;
}
int cuDeviceTotalMem_v2(size_t *bytes, int device) { (void)device; *bytes = (size_t)80 << 30; return 0; }
int cuDeviceGetAttribute(int *value, int attribute, int device) {
    (void)device;
    *value = attribute == 75 ? 9 : attribute == 76 ? 0 : -1;
    return *value < 0;
}
int cuGetErrorString(int code, const char **text) {
    *text = code == 100 ? "no CUDA-capable device is detected" : "unknown";
    return 0;
}
int cuDevicePrimaryCtxRetain(void **context, int device) { *context = (void *)(size_t)(device + 1); return 0; }
int cuDevicePrimaryCtxRelease(int device) { (void)device; return 0; }
int cuCtxSetCurrent(void *context) { return context == (void *)41 || context == (void *)42 ? 0 : 201; }
#else
typedef struct {
    int eCodecType;
    int eChromaFormat;
    unsigned int nBitDepthMinus8;
    unsigned int reserved1[3];
    unsigned char bIsSupported;
    unsigned char nNumNVDECs;
    unsigned short nOutputFormatMask;
    unsigned int nMaxWidth;
    unsigned int nMaxHeight;
    unsigned int nMaxMBCount;
    unsigned short nMinWidth;
    unsigned short nMinHeight;
    unsigned char bIsHistogramSupported;
    unsigned char nCounterBitDepth;
    unsigned short nMaxHistogramBins;
    unsigned int reserved3[10];
} CUVIDDECODECAPS;

int cuvidGetDecoderCaps(CUVIDDECODECAPS *caps) {
    if (setting("FAKE_NVDEC", 0)) return setting("FAKE_NVDEC", 0);
    int usual = caps->eChromaFormat == 1 && caps->nBitDepthMinus8 == 0;
    if (setting("FAKE_ODD", 0) && (caps->eCodecType == 9 || !usual)) return setting("FAKE_ODD", 0);
    int h264 = caps->eCodecType == 4 && caps->eChromaFormat == 1 && caps->nBitDepthMinus8 == 0;
    int hevc = caps->eCodecType == 8 && caps->eChromaFormat == 1 && caps->nBitDepthMinus8 <= 2;
    caps->bIsSupported = (unsigned char)(h264 || hevc);
    caps->nNumNVDECs = 7;
    caps->nMaxWidth = h264 ? 4096 : 8192;
    caps->nMaxHeight = h264 ? 4096 : 8192;
    return 0;
}
#endif
