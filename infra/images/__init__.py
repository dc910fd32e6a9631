"""The two images of the platform: all Python in one, and Keycloak. Built without a registry; the same tree, the same digest."""
