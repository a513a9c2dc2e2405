"""Motion of chorus, flanger, phaser and rotary speaker: probed, heard in music, searched for."""
