"""Echoes, rooms, carriers and motion, heard with the effect itself as matched filter."""
