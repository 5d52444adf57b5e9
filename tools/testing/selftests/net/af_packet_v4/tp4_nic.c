// SPDX-License-Identifier: GPL-2.0
/* Network cards for the tests, and the model of one, see tp4_nic.h */

#include <fcntl.h>
#include <stdarg.h>
#include <linux/ethtool.h>

#include "tp4_nic.h"

#define DEBUGFS		"/sys/kernel/debug"

const char *nic_a(void)
{
	return getenv("TP4_NIC_A");
}

const char *nic_b(void)
{
	return getenv("TP4_NIC_B");
}

bool have_nics(void)
{
	return nic_a() && nic_b();
}

bool have_model(void)
{
	return have_nics() && getenv("TP4_XL710CTL");
}

int nic_path(char *path, size_t size, const char *dev, const char *file)
{
	return snprintf(path, size, "/sys/class/net/%s/%s", dev, file);
}

int nic_read(const char *dev, const char *file)
{
	char path[256], text[32] = "";
	int fd, ret = -1;

	nic_path(path, sizeof(path), dev, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (read(fd, text, sizeof(text) - 1) > 0)
		ret = atoi(text);
	close(fd);
	return ret;
}

int nic_wait_carrier(const char *dev)
{
	unsigned long long end = tp4_now_ms() + TP4_WAIT_MS;

	while (nic_read(dev, "carrier") != 1) {
		if (tp4_now_ms() > end) {
			fprintf(stderr, "# %s has no carrier\n", dev);
			return -ETIMEDOUT;
		}
		usleep(1000);
	}
	return 0;
}

int nic_up(struct end *x, unsigned int mtu)
{
	char path[128];
	int ret;

	x->ifindex = if_nametoindex(x->dev);
	if (!x->ifindex) {
		fprintf(stderr, "# there is no %s\n", x->dev);
		return -ENODEV;
	}
	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6",
		 x->dev);
	if (!access(path, F_OK)) {
		ret = tp4_write_file(path, "1");
		/* And on devices that are made later */
		if (!ret)
			ret = tp4_write_file("/proc/sys/net/ipv6/conf/default/disable_ipv6",
					     "1");
		if (ret)
			return ret;
	}
	if (nic_read(x->dev, "mtu") != (int)mtu) {
		ret = tp4_link_mtu(x->ifindex, mtu);
		if (ret)
			return ret;
	}
	/* The packets of the tests are for nobody */
	ret = tp4_link_flags(x->ifindex, IFF_UP | IFF_PROMISC,
			     IFF_UP | IFF_PROMISC);
	return ret ?: nic_wait_carrier(x->dev);
}

int pci_address(const char *dev, char *address, size_t size)
{
	char path[256], target[256];
	ssize_t n;

	nic_path(path, sizeof(path), dev, "device");
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return -errno;
	target[n] = '\0';
	snprintf(address, size, "%s", strrchr(target, '/') + 1);
	return 0;
}

int run(const char *fmt, ...)
{
	char command[512];
	va_list args;
	int ret;

	va_start(args, fmt);
	vsnprintf(command, sizeof(command), fmt, args);
	va_end(args);
	ret = system(command);
	if (ret)
		fprintf(stderr, "# %s: status %#x\n", command, ret);
	return ret ? -EIO : 0;
}

int model(const char *fmt, ...)
{
	char command[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(command, sizeof(command), fmt, args);
	va_end(args);
	if (!strncmp(command, "fault ", strlen("fault ")))
		tp4_count(TP4_TALLY_FAULTS, 1);
	return run("\"$TP4_XL710CTL\" -i \"$TP4_NIC_B\" %s >/dev/null", command);
}

long long model_value(const char *command, const char *key)
{
	char line[256], name[64];
	long long value, ret = -1;
	FILE *f;

	snprintf(line, sizeof(line), "\"$TP4_XL710CTL\" -i \"$TP4_NIC_B\" %s",
		 command);
	f = popen(line, "r");
	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%63s %lld", name, &value) == 2 &&
		    !strcmp(name, key))
			ret = value;
	if (pclose(f))
		return -1;
	return ret;
}

int ring_sizes(const char *dev, unsigned int rx, unsigned int tx)
{
	struct ethtool_ringparam ring = {
		.cmd = ETHTOOL_SRINGPARAM, .rx_pending = rx, .tx_pending = tx,
	};

	return tp4_ethtool(dev, &ring);
}

int nic_queues(const char *dev, bool most)
{
	struct ethtool_channels c = { .cmd = ETHTOOL_GCHANNELS };
	int ret = tp4_ethtool(dev, &c);

	if (ret)
		return ret;
	return most ? c.max_combined : c.combined_count;
}

int nic_pf_reset(const char *dev)
{
	char path[256], address[64];
	int ret;

	if (access(DEBUGFS "/i40e", F_OK) &&
	    run("mount -t debugfs none " DEBUGFS))
		return -EIO;
	ret = pci_address(dev, address, sizeof(address));
	if (ret)
		return ret;
	snprintf(path, sizeof(path), DEBUGFS "/i40e/%s/command", address);
	return tp4_write_file(path, "pfr");
}

int frames_are_back(struct tp4 *t)
{
	unsigned int end = t->first + t->rx_nr + t->tx_nr, n;
	struct tpacket4_desc d;
	__u8 *seen;
	int ret;

	ret = tp4_get_queue(t->fd) < 0 ? 0 : tp4_set_queue(t->fd, -1);
	if (ret)
		return ret;
	seen = calloc(t->frames, 1);
	if (!seen)
		return -ENOMEM;
	while (t->free_nr)
		seen[t->free[--t->free_nr]]++;
	while ((t->rx_nr && tp4_rx_next(t, &d)) ||
	       (t->tx_nr && tp4_tx_next(t, &d))) {
		seen[d.idx]++;
		if (d.error && d.error != ECANCELED && d.error != ENETDOWN) {
			fprintf(stderr, "# frame %llu: %s\n",
				(unsigned long long)d.idx, strerror(d.error));
			ret = -EPROTO;
		}
	}
	/* Sockets that share a buffer have each a part of it */
	for (n = t->first; n < end && seen[n] == 1; n++)
		;
	if (n < end) {
		fprintf(stderr, "# frame %u is back %u times\n", n, seen[n]);
		ret = -EPROTO;
	}
	free(seen);
	if ((t->rx_nr && tp4q_num_held(&t->rxq)) ||
	    (t->tx_nr && tp4q_num_held(&t->txq))) {
		fprintf(stderr, "# %u and %u slots are not back\n",
			tp4q_num_held(&t->rxq), tp4q_num_held(&t->txq));
		ret = -EPROTO;
	}
	return ret;
}
